{{- /* Labels of every object, as YAML, from `labels` and the release. */}}
{{- define "rollout-route.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" .Chart.Name
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (include "rollout-route.chartLabel" .) }}
{{- toYaml (merge $own .Values.labels) }}
{{- end }}

{{- /* Chart and version as the value of a label, which takes no `+` and no more than 63 characters. */}}
{{- define "rollout-route.chartLabel" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{- /* What this revision asks for, as annotations that the next revision reads. Only a change of the values changes
       them, so that a diff of two upgrades without a change is empty. */}}
{{- define "rollout-route.record" -}}
{{- $own := dict
  "rollout-route/weights" (include "rollout-route.percents" .)
  "rollout-route/values" (include "rollout-route.values" .)
  "rollout-route/spec" (include "rollout-route.spec" .) }}
{{- toYaml (merge $own .Values.annotations) }}
{{- end }}

{{- /* The values beside the weights, as JSON. */}}
{{- define "rollout-route.values" -}}
{{- omit .Values "weights" "global" | toJson }}
{{- end }}
