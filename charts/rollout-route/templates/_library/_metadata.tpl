{{- /* Labels of every object, as YAML, from `labels` and the release. */}}
{{- define "rollout-route.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" .Chart.Name
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- toYaml (merge $own .Values.labels) }}
{{- end }}

{{- /* What this revision asks for, as annotations that the next revision reads, from all values but the guards. */}}
{{- define "rollout-route.record" -}}
{{- $own := dict
  "rollout-route/revision" (toString .Release.Revision)
  "rollout-route/weights" (include "rollout-route.percents" .)
  "rollout-route/values" (include "rollout-route.values" .)
  "rollout-route/spec" (include "rollout-route.spec" .) }}
{{- toYaml (merge $own .Values.annotations) }}
{{- end }}

{{- /* The values that shape the route beside its weights, as JSON. */}}
{{- define "rollout-route.values" -}}
{{- omit .Values "weights" "guards" "global" | toJson }}
{{- end }}
