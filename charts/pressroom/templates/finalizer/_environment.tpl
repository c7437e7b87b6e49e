{{/* What the finalizer is told, but for what is given by hand. */}}
{{- define "pressroom.env.finalizer" -}}
{{- $finalizer := .Values.finalizer -}}
{{ include "pressroom.env.common" . }}
{{ include "pressroom.env.webhooks" . }}
{{ include "pressroom.env.nats" . }}
{{ include "pressroom.env.store" . }}
- name: PRESSROOM_FINALIZE_SLOTS
  value: {{ $finalizer.finalizeSlots | int64 | quote }}
- name: PRESSROOM_WEBHOOK_SLOTS
  value: {{ $finalizer.webhookSlots | int64 | quote }}
- name: PRESSROOM_WEBHOOK_TIMEOUT_SECONDS
  value: {{ .Values.webhooks.timeoutSeconds | int64 | quote }}
- name: PRESSROOM_MERGE_MEMORY_MIB
  value: {{ $finalizer.mergeMemoryMiB | int64 | quote }}
- name: PRESSROOM_MERGE_TIMEOUT_SECONDS
  value: {{ $finalizer.mergeTimeoutSeconds | int64 | quote }}
- name: PRESSROOM_DRAIN_SECONDS
  value: {{ $finalizer.drainSeconds | int64 | quote }}
{{- end -}}
