{{/*
The environment of the parts: the settings classes say what each name means. Numbers go through
int64, since Helm holds large ones as floats and would write 1e+06.
*/}}

{{/* All of a part: its own, less what is given by hand under the same name; then that. */}}
{{- define "pressroom.env" -}}
{{- $more := (get .root.Values .component).env -}}
{{- $given := dict -}}
{{- range $more }}{{ $_ := set $given .name true }}{{ end -}}
{{- $env := list -}}
{{- range include (printf "pressroom.env.%s" .component) .root | fromYamlArray }}
{{- if not (hasKey $given .name) }}{{ $env = append $env . }}{{ end }}
{{- end -}}
{{- toYaml (concat $env $more) -}}
{{- end -}}

{{- define "pressroom.env.common" -}}
- name: PRESSROOM_NAMESPACE
  valueFrom:
    fieldRef: {fieldPath: metadata.namespace}
- name: PRESSROOM_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
- name: PRESSROOM_LOG_LEVEL
  value: {{ .Values.log.level | quote }}
- name: PRESSROOM_CALL_TIMEOUT_SECONDS
  value: {{ .Values.callTimeoutSeconds | int64 | quote }}
{{- end -}}

{{- define "pressroom.env.webhooks" -}}
- name: PRESSROOM_WEBHOOK_ALLOW
  value: {{ join "," .Values.webhooks.allow | quote }}
{{- end -}}

{{/* The Secret of NATS; empty where it asks for no credentials. */}}
{{- define "pressroom.nats.secret" -}}
{{- if .Values.nats.bundled.enabled -}}
{{ include "pressroom.name" (dict "root" . "component" "nats") }}
{{- else -}}
{{ .Values.nats.existingSecret }}
{{- end -}}
{{- end -}}

{{- define "pressroom.nats.url" -}}
{{- if .Values.nats.bundled.enabled -}}
nats://{{ include "pressroom.name" (dict "root" . "component" "nats") }}:4222
{{- else -}}
{{ .Values.nats.url }}
{{- end -}}
{{- end -}}

{{- define "pressroom.env.nats" -}}
- name: PRESSROOM_NATS_URL
  value: {{ include "pressroom.nats.url" . | quote }}
- name: PRESSROOM_NATS_REPLICAS
  value: {{ .Values.nats.replicas | int64 | quote }}
{{- with include "pressroom.nats.secret" . }}
- name: PRESSROOM_NATS_USER
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: user}
- name: PRESSROOM_NATS_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: password}
{{- end }}
{{- end -}}

{{- define "pressroom.store.secret" -}}
{{- if .Values.store.bundled.enabled -}}
{{ include "pressroom.name" (dict "root" . "component" "store") }}
{{- else -}}
{{ .Values.store.existingSecret }}
{{- end -}}
{{- end -}}

{{- define "pressroom.store.endpoint" -}}
{{- if .Values.store.bundled.enabled -}}
http://{{ include "pressroom.name" (dict "root" . "component" "store") }}:8333
{{- else -}}
{{ .Values.store.endpoint }}
{{- end -}}
{{- end -}}

{{- define "pressroom.env.store" -}}
{{- $store := .Values.store -}}
- name: PRESSROOM_S3_ENDPOINT
  value: {{ include "pressroom.store.endpoint" . | quote }}
{{- with $store.publicEndpoint }}
- name: PRESSROOM_S3_PUBLIC_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: PRESSROOM_S3_BUCKET
  value: {{ $store.bucket | quote }}
- name: PRESSROOM_S3_REGION
  value: {{ $store.region | quote }}
- name: PRESSROOM_S3_POOL
  value: {{ $store.pool | int64 | quote }}
- name: PRESSROOM_S3_ACCESS_KEY
  valueFrom:
    secretKeyRef: {name: {{ include "pressroom.store.secret" . }}, key: access-key}
- name: PRESSROOM_S3_SECRET_KEY
  valueFrom:
    secretKeyRef: {name: {{ include "pressroom.store.secret" . }}, key: secret-key}
{{- end -}}
