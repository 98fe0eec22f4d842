{{- /* All checks of observability. */}}
{{- define "inferencepool.checkObservability" -}}
{{- include "inferencepool.checkToken" . }}
{{- if not .Values.observability.scrapedElsewhere }}
  {{- include "inferencepool.checkSources" . }}
{{- end }}
{{- end }}

{{- /* Fails if alerts, KEDA or GKE's HorizontalPodAutoscaler ask for series that nothing scrapes. */}}
{{- define "inferencepool.checkSources" -}}
{{- $remedy := "set observability.%s.enabled=true (or observability.scrapedElsewhere=true, see values.yaml)" }}
{{- $observability := .Values.observability }}
{{- range $monitor := list "podMonitor" "serviceMonitor" }}
  {{- if and $observability.alerts.enabled (not (get $observability $monitor).enabled) }}
    {{- fail (printf "observability.alerts.enabled is true, but observability.%s.enabled is false, so that alerts would fire for ever or never; %s" $monitor (printf $remedy $monitor)) }}
  {{- end }}
{{- end }}
{{- if and (eq .Values.provider "gke") (eq .Values.autoscaling.type "hpa") (not $observability.podMonitoring.enabled) }}
  {{- fail (printf "autoscaling.type is hpa and provider is gke, but observability.podMonitoring.enabled is false, so that Google's adapter would find no series of this pool; %s" (printf $remedy "podMonitoring")) }}
{{- end }}
{{- if and (eq .Values.autoscaling.type "keda") (not $observability.podMonitor.enabled) }}
  {{- fail (printf "autoscaling.type is keda, but observability.podMonitor.enabled is false, so that KEDA would find no series of this pool; %s" (printf $remedy "podMonitor")) }}
{{- end }}
{{- end }}

{{- /* Fails if the ServiceMonitor would scrape an EPP that needs a token without one. */}}
{{- define "inferencepool.checkToken" -}}
{{- $monitor := .Values.observability.serviceMonitor }}
{{- if and $monitor.enabled .Values.epp.metricsAuth (not $monitor.tokenSecret.name) }}
  {{- fail "observability.serviceMonitor.enabled is true and epp.metricsAuth is true, but observability.serviceMonitor.tokenSecret is empty; name the Secret with the token, or set epp.metricsAuth=false" }}
{{- end }}
{{- end }}
