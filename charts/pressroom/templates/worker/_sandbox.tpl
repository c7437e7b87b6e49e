{{/*
The security of a worker's container. Chromium's sandbox needs user namespaces: the runtime's own
seccomp profile forbids them, so a profile that lets them through is used, or none.
*/}}
{{- define "pressroom.worker.security" -}}
{{- $sandbox := .Values.worker.sandbox -}}
{{ include "pressroom.containerSecurity" . }}
seccompProfile:
  {{- if eq $sandbox.mode "Localhost" }}
  type: Localhost
  localhostProfile: {{ $sandbox.profile }}
  {{- else }}
  type: {{ ternary "Unconfined" "RuntimeDefault" (eq $sandbox.mode "Unconfined") }}
  {{- end }}
{{- end -}}
