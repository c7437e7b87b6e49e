{{/*
Names and labels of everything, and what pods share. Parts are gateway, operator, worker and
finalizer; the other components are nats, store, sandbox-installer and test. Templates that need to
know the component take (dict "root" $ "component" "gateway").
*/}}

{{/* At most 40 characters, so that names with a component and labels with a hash have room. */}}
{{- define "pressroom.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- end -}}
{{- if gt (len $name) 40 -}}
{{- $name = printf "%s-%s" ($name | trunc 31 | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "pressroom.name" -}}
{{ include "pressroom.fullname" .root }}-{{ .component }}
{{- end -}}

{{/* What selects all pods of the release. */}}
{{- define "pressroom.releaseSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What selects the pods of one component. */}}
{{- define "pressroom.selector" -}}
{{ include "pressroom.releaseSelector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "pressroom.labels" -}}
{{ include "pressroom.selector" . }}
app.kubernetes.io/part-of: pressroom
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* metadata of an object of a component */}}
{{- define "pressroom.metadata" -}}
name: {{ include "pressroom.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "pressroom.labels" . | nindent 2 }}
{{- end -}}

{{/* metadata of a part's pods. The version is left out: a pod is no newer for a label. */}}
{{- define "pressroom.podMetadata" -}}
{{- $part := index .root.Values .component -}}
labels:
  {{- with $part.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- include "pressroom.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: pressroom
{{- with $part.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The image of a part. */}}
{{- define "pressroom.image" -}}
{{- $image := .root.Values.image -}}
{{- $parts := compact (list $image.registry $image.repository .component) -}}
{{ join "/" $parts }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{/*
What all pods have, and where a part's go. Without service links: a Service named pressroom-gateway
would put PRESSROOM_GATEWAY_PORT=tcp://… into every pod, where it would be taken for a setting.
*/}}
{{- define "pressroom.pod" -}}
{{- $part := get .root.Values .component | default dict -}}
{{- $class := $part.priorityClassName -}}
{{- if and (not $class) .root.Values.priorityClasses.create (hasKey .root.Values .component) -}}
{{- $class = include "pressroom.priorityClass" (dict "root" .root "class" (ternary "worker" "control" (eq .component "worker"))) -}}
{{- end -}}
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $class }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and (hasKey $part "topologySpreadConstraints") (not $part.topologySpreadConstraints) }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "pressroom.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}

{{/* PriorityClasses are the cluster's: the namespace is in their names. */}}
{{- define "pressroom.priorityClass" -}}
{{ printf "%s-%s" .root.Release.Namespace (include "pressroom.fullname" .root) | trunc 55 | trimSuffix "-" }}-{{ .class }}
{{- end -}}

{{/* The user that all images run as. */}}
{{- define "pressroom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "pressroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Probes on a part's port. /readyz asks each dependency, for 5 s at most. */}}
{{- define "pressroom.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 2
{{- end -}}

{{/* volumeClaimTemplates of a bundled server, by its `persistence` */}}
{{- define "pressroom.volumeClaim" -}}
volumeClaimTemplates:
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests:
          storage: {{ .size }}
{{- end -}}
