{{- /* All guards: each fails if the cluster's state forbids this revision. They run before the route is rendered. */}}
{{- define "rollout-route.guard" -}}
{{- $namespace := .Release.Namespace }}
{{- $live := include "rollout-route.live" . | fromJson }}
{{- $next := include "rollout-route.spec" . | fromJson }}
{{- $after := include "rollout-route.shares" (dict "spec" $next "namespace" $namespace) | fromJson }}
{{- $before := include "rollout-route.shares" (dict "spec" $live.spec "namespace" $namespace) | fromJson }}
{{- $revision := dict "root" . "live" $live "next" $next "before" $before "after" $after }}
{{- if $live.owned }}
  {{- include "rollout-route.guardDrift" $revision }}
{{- end }}
{{- if $live.found }}
  {{- include "rollout-route.guardUnset" $revision }}
{{- end }}
{{- if $live.owned }}
  {{- include "rollout-route.guardChanges" $revision }}
{{- end }}
{{- if $live.found }}
  {{- include "rollout-route.guardStep" $revision }}
{{- end }}
{{- if $live.read }}
  {{- include "rollout-route.guardExperimental" $revision }}
{{- end }}
{{- if and $live.read .Values.guards.pools }}
  {{- include "rollout-route.guardPools" $revision }}
{{- end }}
{{- end }}

{{- /* The upgrade that keeps all other values and sets the weights of this revision. */}}
{{- define "rollout-route.command" -}}
{{- $release := printf "%s charts/rollout-route --namespace %s" .Release.Name .Release.Namespace }}
{{- $words := list "helm upgrade" $release "--reset-then-reuse-values" }}
{{- range $name, $percent := .Values.weights }}
  {{- if not (kindIs "invalid" $percent) }}
    {{- $words = append $words (printf "--set weights.%s=%d" $name (int $percent)) }}
  {{- end }}
{{- end }}
{{- join " " $words }}
{{- end }}
