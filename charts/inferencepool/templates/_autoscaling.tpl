{{- /* What autoscaling scales, from leaderWorkerSet: the Deployment or the LeaderWorkerSet. */}}
{{- define "inferencepool.scaleTarget" -}}
apiVersion: {{ ternary "leaderworkerset.x-k8s.io/v1" "apps/v1" .Values.leaderWorkerSet.enabled }}
kind: {{ ternary "LeaderWorkerSet" "Deployment" .Values.leaderWorkerSet.enabled }}
name: {{ ternary .Release.Name (include "inferencepool.serverName" .) .Values.leaderWorkerSet.enabled | quote }}
{{- end }}

{{- /* Name of a metric (`metric`: name, labels) in the custom metrics API: GKE's adapter keeps a name and tells its kind,
prometheus-adapter has no colon; from `root` and `metric`. */}}
{{- define "inferencepool.customMetric" -}}
{{- $ofAdapter := dict "name" (replace ":" "_" .metric.name) -}}
{{- $ofGke := dict "name" (printf "prometheus.googleapis.com|%s|gauge" .metric.name) -}}
{{- $metric := ternary $ofGke $ofAdapter (eq .root.Values.provider "gke") -}}
{{- with .metric.labels -}}
{{- $_ := set $metric "selector" (dict "matchLabels" .) -}}
{{- end -}}
{{- toYaml $metric -}}
{{- end }}

{{- /* A metric (`metric`: name, labels) of this pool's servers as Prometheus has it, from `root` and `metric`. */}}
{{- define "inferencepool.series" -}}
{{- $labels := merge (dict "namespace" .root.Release.Namespace "inferencepool" .root.Release.Name) (.metric.labels | default dict) -}}
{{- $matchers := list -}}
{{- range $label, $value := $labels }}{{ $matchers = append $matchers (printf "%s=%q" $label $value) }}{{ end -}}
{{- printf "%s{%s}" .metric.name (join "," $matchers) -}}
{{- end }}
