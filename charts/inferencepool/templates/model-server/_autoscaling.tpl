{{- /* Pods (or groups) of the pool: modelServer.replicas, else as many as there are. Empty to leave the number to the
       autoscaler. */}}
{{- define "inferencepool.replicas" -}}
{{- $given := .Values.modelServer.replicas }}
{{- if kindIs "invalid" $given }}
  {{- $target := include "inferencepool.scaleTarget" . | fromYaml }}
  {{- $live := lookup $target.apiVersion $target.kind .Release.Namespace $target.name }}
  {{- $given = include "inferencepool.keptReplicas" (dict "live" $live "scaling" .Values.autoscaling) }}
{{- end }}
{{- $given }}
{{- end }}

{{- /* Pods that the `live` object has, at least the fewest of `scaling`. Without it 1, or empty with an autoscaler:
       then the API server makes 1, and the autoscaler what it wants. A live number is rendered, since a manifest that
       leaves it out where the last one had it makes it 1, until the autoscaler acts. */}}
{{- define "inferencepool.keptReplicas" -}}
{{- $least := ternary 0 .scaling.minReplicas (empty .scaling.type) }}
{{- if and .scaling.type (or (not .live) (include "inferencepool.isScaled" .live)) }}
{{- else if .live }}
  {{- max (dig "spec" "replicas" 1 .live) $least }}
{{- else }}
  {{- print 1 }}
{{- end }}
{{- end }}

{{- /* "true" if the number of an object's pods is somebody else's than Helm's, and Helm applies on the server: then a
       manifest that leaves it out changes nothing, and one that has it could meet a conflict. */}}
{{- define "inferencepool.isScaled" -}}
{{- $appliers := list }}
{{- $owners := list }}
{{- range .metadata.managedFields }}
  {{- $appliers = ternary (append $appliers .manager) $appliers (eq .operation "Apply") }}
  {{- $owns := hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas" }}
  {{- $owners = ternary (append $owners .manager) $owners $owns }}
{{- end }}
{{- and (has "helm" $appliers) (gt (len $owners) 0) (not (has "helm" $owners)) | ternary "true" "" }}
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
