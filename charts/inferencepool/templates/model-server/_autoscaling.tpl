{{- /* Pods (or groups) of the pool when nothing scales it: modelServer.replicas, else 1. */}}
{{- define "inferencepool.replicas" -}}
{{- kindIs "invalid" .Values.modelServer.replicas | ternary 1 .Values.modelServer.replicas }}
{{- end }}

{{- /* What autoscaling scales, from leaderWorkerSet: the Deployment or the LeaderWorkerSet. */}}
{{- define "inferencepool.scaleTarget" -}}
{{- $isGroup := .Values.leaderWorkerSet.enabled -}}
apiVersion: {{ ternary "leaderworkerset.x-k8s.io/v1" "apps/v1" $isGroup }}
kind: {{ ternary "LeaderWorkerSet" "Deployment" $isGroup }}
name: {{ ternary .Release.Name (include "inferencepool.serverName" .) $isGroup | quote }}
{{- end }}

{{- /* A `metric` (name, labels) as the custom metrics API names it, from `root`: GKE's adapter keeps the name and
       adds the kind, prometheus-adapter has no colon. */}}
{{- define "inferencepool.customMetric" -}}
{{- $ofAdapter := dict "name" (replace ":" "_" .metric.name) }}
{{- $ofGke := dict "name" (printf "prometheus.googleapis.com|%s|gauge" .metric.name) }}
{{- $metric := ternary $ofGke $ofAdapter (eq .root.Values.provider "gke") }}
{{- with .metric.labels }}
  {{- $_ := set $metric "selector" (dict "matchLabels" .) }}
{{- end }}
{{- toYaml $metric }}
{{- end }}

{{- /* A `metric` (name, labels) of this pool's servers as a Prometheus selector, from `root`. */}}
{{- define "inferencepool.series" -}}
{{- $own := dict "namespace" .root.Release.Namespace "inferencepool" .root.Release.Name }}
{{- $matchers := list }}
{{- range $label, $value := merge $own (.metric.labels | default dict) }}
  {{- $matchers = append $matchers (printf "%s=%q" $label $value) }}
{{- end }}
{{- printf "%s{%s}" .metric.name (join "," $matchers) }}
{{- end }}
