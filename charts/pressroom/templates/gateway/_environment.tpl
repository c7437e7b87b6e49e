{{/* What the gateway is told, but for what is given by hand. */}}
{{- define "pressroom.env.gateway" -}}
{{- $gateway := .Values.gateway -}}
{{ include "pressroom.env.common" . }}
{{ include "pressroom.env.webhooks" . }}
{{ include "pressroom.env.nats" . }}
{{ include "pressroom.env.store" . }}
- name: PRESSROOM_GATEWAY_DIALECTS
  value: {{ join "," $gateway.dialects | quote }}
- name: PRESSROOM_GATEWAY_PRESIGN_SECONDS
  value: {{ $gateway.presignSeconds | int64 | quote }}
- name: PRESSROOM_GATEWAY_MAX_JSON_BYTES
  value: {{ $gateway.maxJsonBytes | int64 | quote }}
{{- with $gateway.jwt }}
- name: PRESSROOM_GATEWAY_JWT_TENANT_CLAIM
  value: {{ .tenantClaim | quote }}
{{- with .existingSecret }}
- name: PRESSROOM_GATEWAY_JWT_SECRET
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: jwt-secret}
{{- end }}
{{- with .jwksUrl }}
- name: PRESSROOM_GATEWAY_JWT_JWKS_URL
  value: {{ . | quote }}
{{- end }}
{{- with .issuer }}
- name: PRESSROOM_GATEWAY_JWT_ISSUER
  value: {{ . | quote }}
{{- end }}
{{- with .audience }}
- name: PRESSROOM_GATEWAY_JWT_AUDIENCE
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with $gateway.modifier }}
- name: PRESSROOM_MODIFIER
  value: {{ .kind | quote }}
{{- if eq .kind "openai" }}
- name: PRESSROOM_MODIFIER_URL
  value: {{ .url | quote }}
- name: PRESSROOM_MODIFIER_MODEL
  value: {{ .model | quote }}
- name: PRESSROOM_MODIFIER_SECONDS
  value: {{ .seconds | int64 | quote }}
{{- with .existingSecret }}
- name: PRESSROOM_MODIFIER_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: api-key}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
