{{/* What the operator is told, but for what is given by hand. */}}
{{- define "pressroom.env.operator" -}}
{{- $operator := .Values.operator -}}
{{- $scaling := .Values.worker.autoscaling -}}
{{ include "pressroom.env.common" . }}
{{ include "pressroom.env.nats" . }}
{{ include "pressroom.env.store" . }}
- name: PRESSROOM_S3_CREATE_BUCKET
  value: {{ or .Values.store.createBucket .Values.store.bundled.enabled | quote }}
- name: PRESSROOM_OPERATOR_IDENTITY
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
- name: PRESSROOM_LEASE_SECONDS
  value: {{ $operator.leaseSeconds | int64 | quote }}
- name: PRESSROOM_RESYNC_SECONDS
  value: {{ $operator.resyncSeconds | int64 | quote }}
- name: PRESSROOM_SWEEP_SECONDS
  value: {{ $operator.sweepSeconds | int64 | quote }}
- name: PRESSROOM_UPLOAD_GRACE_SECONDS
  value: {{ $operator.uploadGraceSeconds | int64 | quote }}
- name: PRESSROOM_MAX_RETAINED_JOBS
  value: {{ $operator.maxRetainedJobs | int64 | quote }}
- name: PRESSROOM_PATCHES_PER_SECOND
  value: {{ $operator.patchesPerSecond | int64 | quote }}
- name: PRESSROOM_RECONCILERS
  value: {{ $operator.reconcilers | int64 | quote }}
{{- if eq $scaling.mode "operator" }}
- name: PRESSROOM_AUTOSCALE_DEPLOYMENT
  value: {{ include "pressroom.name" (dict "root" . "component" "worker") }}
- name: PRESSROOM_AUTOSCALE_MIN
  value: {{ $scaling.minReplicas | int64 | quote }}
- name: PRESSROOM_AUTOSCALE_MAX
  value: {{ $scaling.maxReplicas | int64 | quote }}
- name: PRESSROOM_AUTOSCALE_SLOTS
  value: {{ .Values.worker.slots | int64 | quote }}
- name: PRESSROOM_AUTOSCALE_ROWS_PER_SLOT
  value: {{ $scaling.rowsPerSlot | int64 | quote }}
- name: PRESSROOM_AUTOSCALE_QUIET_SECONDS
  value: {{ $scaling.quietSeconds | int64 | quote }}
{{- end }}
{{- end -}}
