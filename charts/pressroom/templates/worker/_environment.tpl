{{/* What the worker is told, but for what is given by hand. */}}
{{- define "pressroom.env.worker" -}}
{{- $worker := .Values.worker -}}
{{ include "pressroom.env.common" . }}
{{ include "pressroom.env.nats" . }}
{{ include "pressroom.env.store" . }}
- name: PRESSROOM_SLOTS
  value: {{ $worker.slots | int64 | quote }}
- name: PRESSROOM_DRAIN_SECONDS
  value: {{ $worker.drainSeconds | int64 | quote }}
- name: PRESSROOM_SANDBOX
  value: {{ ne $worker.sandbox.mode "None" | quote }}
{{- end -}}
