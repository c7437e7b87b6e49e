{{/* What a schema cannot say: what must be given together, and what excludes what. */}}
{{- define "pressroom.checks" -}}
{{- $nats := .Values.nats -}}
{{- $store := .Values.store -}}
{{- $scaling := .Values.worker.autoscaling -}}
{{- if not (or $nats.url $nats.bundled.enabled) -}}
{{- fail "nats.url must be given (and nats.existingSecret where NATS asks for credentials); or, for trying out, nats.bundled.enabled=true" -}}
{{- end -}}
{{- if and $nats.bundled.enabled (or $nats.url $nats.existingSecret) -}}
{{- fail "nats.url and nats.existingSecret are of an external NATS: leave them empty where nats.bundled.enabled is true" -}}
{{- end -}}
{{- if and $nats.bundled.enabled (ne (int64 $nats.replicas) 1) -}}
{{- fail "nats.replicas must be 1 where nats.bundled.enabled is true: it is a single server" -}}
{{- end -}}
{{- if not (or $store.endpoint $store.bundled.enabled) -}}
{{- fail "store.endpoint and store.existingSecret must be given; or, for trying out, store.bundled.enabled=true" -}}
{{- end -}}
{{- if and $store.bundled.enabled (or $store.endpoint $store.existingSecret) -}}
{{- fail "store.endpoint and store.existingSecret are of an external store: leave them empty where store.bundled.enabled is true" -}}
{{- end -}}
{{- if and $store.endpoint (not $store.existingSecret) -}}
{{- fail "store.existingSecret must be given: the name of a Secret with the keys access-key and secret-key" -}}
{{- end -}}
{{- if gt (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas) -}}
{{- fail "worker.autoscaling.minReplicas must not be above worker.autoscaling.maxReplicas" -}}
{{- end -}}
{{- with .Values.gateway -}}
{{- if and .autoscaling.enabled (gt (int64 .autoscaling.minReplicas) (int64 .autoscaling.maxReplicas)) -}}
{{- fail "gateway.autoscaling.minReplicas must not be above gateway.autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and (eq .modifier.kind "openai") (not (and .modifier.url .modifier.model)) -}}
{{- fail "gateway.modifier.url and gateway.modifier.model must be given where gateway.modifier.kind is openai" -}}
{{- end -}}
{{- if and .ingress.enabled (not .ingress.hosts) -}}
{{- fail "gateway.ingress.hosts must name a host where gateway.ingress.enabled is true" -}}
{{- end -}}
{{- if and .httpRoute.enabled (not .httpRoute.parentRefs) -}}
{{- fail "gateway.httpRoute.parentRefs must name a Gateway where gateway.httpRoute.enabled is true" -}}
{{- end -}}
{{- if ge (int64 .preStopSeconds) (int64 .terminationGracePeriodSeconds) -}}
{{- fail "gateway.terminationGracePeriodSeconds must be above gateway.preStopSeconds" -}}
{{- end -}}
{{- end -}}
{{- end -}}
