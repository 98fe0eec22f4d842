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

{{- /* Nothing, or a refusal of one entry of `weights`. */}}
{{- define "rollout-route.checkWeight" -}}
{{- if not (hasKey .percents .name) }}
  {{- fail (printf "weights.%s: no backend has that name; the backends are %s" .name (keys .percents | sortAlpha | join ", ")) }}
{{- end }}
{{- if eq .name .rest }}
  {{- fail (printf "weights.%s: %s is the first of backends and takes what the others leave; set their weights instead" .name .name) }}
{{- end }}
{{- if not (regexMatch "^(100|[0-9]{1,2})$" (toString .percent)) }}
  {{- fail (printf "weights.%s: %v is not a whole percent from 0 to 100" .name .percent) }}
{{- end }}
{{- end }}

{{- /* Nothing, or a refusal of `backends` that no route can serve. */}}
{{- define "rollout-route.checkBackends" -}}
{{- $names := list }}
{{- $pools := list }}
{{- range .Values.backends }}
  {{- if ne (default "InferencePool" .kind) "InferencePool" }}
    {{- fail (printf "backends: %s is a %s; a rule that mixes kinds loses its endpoint picker, so every backend is an InferencePool: put an InferencePool before those pods" .name .kind) }}
  {{- end }}
  {{- $names = append $names .name }}
  {{- $pools = append $pools (include "rollout-route.pool" (dict "backend" . "namespace" $.Release.Namespace)) }}
{{- end }}
{{- if ne (len $names) (len (uniq $names)) }}
  {{- fail (printf "backends: the names %s are not unique; give each backend its own" (join ", " $names)) }}
{{- end }}
{{- if ne (len $pools) (len (uniq $pools)) }}
  {{- fail (printf "backends: the pools %s are not unique; name each pool once" (join ", " $pools)) }}
{{- end }}
{{- end }}

{{- /* Key of a backend's pool: namespace/name and, if it is not the default, its group; from the `backend` and the
       release's `namespace`. */}}
{{- define "rollout-route.pool" -}}
{{- include "rollout-route.poolKey" (dict "ref" (include "rollout-route.poolRef" .backend | fromJson) "namespace" .namespace) }}
{{- end }}

{{- /* The same key, from a `ref` (a backendRef) and the `namespace` of its route. */}}
{{- define "rollout-route.poolKey" -}}
{{- $key := printf "%s/%s" (default .namespace .ref.namespace) .ref.name }}
{{- $group := include "rollout-route.group" .ref }}
{{- eq $group (include "rollout-route.group" dict) | ternary $key (printf "%s of %s" $key $group) }}
{{- end }}

{{- /* API group of the pool of a backend or a backendRef. */}}
{{- define "rollout-route.group" -}}
{{- default "inference.networking.k8s.io" .group }}
{{- end }}

{{- /* Reference to a backend's pool, without weight, as JSON. */}}
{{- define "rollout-route.poolRef" -}}
{{- $ref := dict "group" (include "rollout-route.group" .) "kind" "InferencePool" "name" .pool }}
{{- with .namespace }}
  {{- $_ := set $ref "namespace" . }}
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

{{- /* backendRefs of the split as JSON: {"refs": [...]}, from `backends`, `weights` and `keepIdleBackend`. */}}
{{- define "rollout-route.split" -}}
{{- $percents := include "rollout-route.percents" . | fromJson }}
{{- $refs := list }}
{{- range .Values.backends }}
  {{- $percent := int (get $percents .name) }}
  {{- if or $percent $.Values.keepIdleBackend }}
    {{- $refs = append $refs (set (include "rollout-route.poolRef" . | fromJson) "weight" $percent) }}
  {{- end }}
{{- end }}
{{- dict "refs" $refs | toJson }}
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
