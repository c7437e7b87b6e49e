{{/*
Rules of NetworkPolicies, one list item or more each. An empty list of peers means any address, as
the API has it.
*/}}

{{/* (dict "policy" {to, ports} "ports" default) -> an egress rule */}}
{{- define "pressroom.net.to" -}}
- ports:
    {{- range (.policy.ports | default .ports) }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .policy.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "pressroom.net.dns" -}}
- ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .Values.networkPolicy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "pressroom.net.api" -}}
{{ include "pressroom.net.to" (dict "policy" .Values.networkPolicy.api) }}
{{- end -}}

{{/* (dict "root" $ "component" "nats" "port" 4222) -> to a component of this release */}}
{{- define "pressroom.net.toComponent" -}}
- ports:
    - {port: {{ .port }}, protocol: TCP}
  to:
    - podSelector:
        matchLabels:
          {{- include "pressroom.selector" . | nindent 10 }}
{{- end -}}

{{/* The port in a URL, otherwise that of its scheme. */}}
{{- define "pressroom.net.port" -}}
{{- $url := urlParse . -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $named | default (get (dict "http" "80" "https" "443") $url.scheme | default "4222") -}}
{{- end -}}

{{- define "pressroom.net.nats" -}}
{{- if .Values.nats.bundled.enabled -}}
{{ include "pressroom.net.toComponent" (dict "root" . "component" "nats" "port" 4222) }}
{{- else -}}
{{ include "pressroom.net.to" (dict "policy" .Values.networkPolicy.nats "ports" (list (include "pressroom.net.port" .Values.nats.url))) }}
{{- end -}}
{{- end -}}

{{- define "pressroom.net.store" -}}
{{- if .Values.store.bundled.enabled -}}
{{ include "pressroom.net.toComponent" (dict "root" . "component" "store" "port" 8333) }}
{{- else -}}
{{ include "pressroom.net.to" (dict "policy" .Values.networkPolicy.store "ports" (list (include "pressroom.net.port" .Values.store.endpoint))) }}
{{- end -}}
{{- end -}}

{{/* (dict "root" $ "port" "probes") -> an ingress rule for who reads metrics and /backlog */}}
{{- define "pressroom.net.metrics" -}}
{{- $values := .root.Values -}}
{{- $from := $values.networkPolicy.metricsFrom -}}
{{- if or $from $values.monitoring.serviceMonitor.enabled (eq $values.worker.autoscaling.mode "keda") -}}
- ports:
    - {port: {{ .port }}, protocol: TCP}
  from:
    {{- toYaml ($from | default (list (dict "namespaceSelector" (dict)))) | nindent 4 }}
{{- end -}}
{{- end -}}

{{/* (dict "root" $ "component" "nats" "port" 4222) -> an ingress rule for the four parts */}}
{{- define "pressroom.net.fromParts" -}}
- ports:
    - {port: {{ .port }}, protocol: TCP}
  from:
    - podSelector:
        matchLabels:
          {{- include "pressroom.releaseSelector" .root | nindent 10 }}
        matchExpressions:
          - key: app.kubernetes.io/component
            operator: In
            values: [gateway, operator, worker, finalizer]
{{- end -}}
