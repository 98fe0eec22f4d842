{{- /* Fails if the ServiceMonitor would scrape an EPP that needs a token without one. */}}
{{- define "inferencepool.checkObservability" -}}
{{- $monitor := .Values.observability.serviceMonitor }}
{{- if and $monitor.enabled .Values.epp.metricsAuth (not $monitor.tokenSecret.name) }}
  {{- fail "observability.serviceMonitor.enabled is true and epp.metricsAuth is true, but observability.serviceMonitor.tokenSecret is empty; name the Secret with the token, or set epp.metricsAuth=false" }}
{{- end }}
{{- end }}
