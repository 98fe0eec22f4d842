{{- /* Percent of every backend by its name, as JSON, from `backends` and `weights`; the first takes the rest. */}}
{{- define "rollout-route.percents" -}}
{{- $rest := (first .Values.backends).name }}
{{- $percents := dict $rest 100 }}
{{- range .Values.backends }}
  {{- $_ := set $percents .name (ternary 100 0 (eq .name $rest)) }}
{{- end }}
{{- range $name, $percent := .Values.weights }}
  {{- if not (kindIs "invalid" $percent) }}
    {{- include "rollout-route.checkWeight" (dict "name" $name "percent" $percent "percents" $percents "rest" $rest) }}
    {{- $_ := set $percents $name (int $percent) }}
    {{- $_ := set $percents $rest (sub (get $percents $rest) (int $percent)) }}
  {{- end }}
{{- end }}
{{- if lt (int (get $percents $rest)) 0 }}
  {{- fail (printf "weights add up to %d, more than 100: lower them; what they leave goes to %s" (sub 100 (get $percents $rest)) $rest) }}
{{- end }}
{{- toJson $percents }}
{{- end }}

{{- /* backendRefs of the split as a JSON list, from `backends`, `weights` and `keepIdleBackend`. */}}
{{- define "rollout-route.split" -}}
{{- $percents := include "rollout-route.percents" . | fromJson }}
{{- $refs := list }}
{{- range .Values.backends }}
  {{- $percent := int (get $percents .name) }}
  {{- if or $percent $.Values.keepIdleBackend }}
    {{- $arguments := dict "root" $ "backend" . "weight" $percent }}
    {{- $refs = append $refs (include "rollout-route.backendRef" $arguments | fromJson) }}
  {{- end }}
{{- end }}
{{- toJson $refs }}
{{- end }}

{{- /* backendRef of a `backend` with its `weight`, as JSON. Its filter marks answers and refusals with the pool that
       the gateway chose, in the header `poolHeader`. */}}
{{- define "rollout-route.backendRef" -}}
{{- $ref := set (include "rollout-route.poolRef" .backend | fromJson) "weight" .weight }}
{{- with .root.Values.poolHeader }}
  {{- $pool := printf "%s/%s" (default $.root.Release.Namespace $.backend.namespace) $.backend.pool }}
  {{- $mark := dict "set" (list (dict "name" . "value" $pool)) }}
  {{- $_ := set $ref "filters" (list (dict "type" "ResponseHeaderModifier" "responseHeaderModifier" $mark)) }}
{{- end }}
{{- toJson $ref }}
{{- end }}

{{- /* The backend of `backends` that `user` (canary or mirror) calls by `name`, as JSON. */}}
{{- define "rollout-route.backend" -}}
{{- $found := dict }}
{{- range .root.Values.backends }}
  {{- if eq .name $.name }}
    {{- $found = . }}
  {{- end }}
{{- end }}
{{- if not $found }}
  {{- fail (printf "%s: no backend is named %q; name one of backends" .user .name) }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- /* References to the pools of other namespaces by namespace, as JSON; empty unless `referenceGrants.create`. */}}
{{- define "rollout-route.foreignPools" -}}
{{- $pools := dict }}
{{- range ternary .Values.backends list .Values.referenceGrants.create }}
  {{- if ne (default $.Release.Namespace .namespace) $.Release.Namespace }}
    {{- $to := omit (include "rollout-route.poolRef" . | fromJson) "namespace" }}
    {{- $_ := set $pools .namespace (append (default list (get $pools .namespace)) $to) }}
  {{- end }}
{{- end }}
{{- toJson $pools }}
{{- end }}
