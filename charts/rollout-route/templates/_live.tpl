{{- /* What the cluster knows before this revision, as JSON: `read` (could the cluster be asked), `found` (is there a
       live route), its `spec`, `generation` and status `parents`, whether this release has `owned` and written it
       before, and if so `asked`: what the revision that wrote it recorded. Only `read` and `found` when there is
       none; neither when rendering offline or without `guards.enabled`. */}}
{{- define "rollout-route.live" -}}
{{- $live := dict "read" false "found" false "owned" false "asked" dict }}
{{- if and .Values.guards.enabled (lookup "v1" "Namespace" "" .Release.Namespace) }}
  {{- $_ := set $live "read" true }}
  {{- include "rollout-route.checkApi" (dict "root" . "api" "gateway.networking.k8s.io/v1" "kind" "HTTPRoute") }}
  {{- with lookup "gateway.networking.k8s.io/v1" "HTTPRoute" .Release.Namespace .Release.Name }}
    {{- $_ := mergeOverwrite $live (include "rollout-route.liveRoute" (dict "route" . "release" $.Release) | fromJson) }}
  {{- end }}
{{- end }}
{{- toJson $live }}
{{- end }}

{{- /* Nothing, or a refusal because the cluster does not serve `kind` of `api`. */}}
{{- define "rollout-route.checkApi" -}}
{{- if not (.root.Capabilities.APIVersions.Has (printf "%s/%s" .api .kind)) }}
  {{- fail (printf "the cluster does not serve %s of %s: install its CRDs first" .kind .api) }}
{{- end }}
{{- end }}

{{- /* The part of the above that a live `route` tells, for a `release`. */}}
{{- define "rollout-route.liveRoute" -}}
{{- $annotations := default dict .route.metadata.annotations }}
{{- $owner := printf "%v/%v" (get $annotations "meta.helm.sh/release-namespace") (get $annotations "meta.helm.sh/release-name") }}
{{- $owned := and (eq $owner (printf "%s/%s" .release.Namespace .release.Name)) (hasKey $annotations "rollout-route/revision") }}
{{- $asked := dict }}
{{- range $key := ternary (list "weights" "values" "spec") list $owned }}
  {{- with get $annotations (printf "rollout-route/%s" $key) }}
    {{- $_ := set $asked $key (fromJson .) }}
  {{- end }}
{{- end }}
{{- with and $owned (get $annotations "rollout-route/revision") }}
  {{- $_ := set $asked "revision" . }}
{{- end }}
{{- $live := dict "found" true "owned" $owned "spec" .route.spec "asked" $asked "generation" .route.metadata.generation }}
{{- toJson (set $live "parents" (default list (default dict .route.status).parents)) }}
{{- end }}

{{- /* Share of every pool of a `spec` in whole percent by its key, as JSON; the release's `namespace` is the default.
       */}}
{{- define "rollout-route.shares" -}}
{{- $weights := dict }}
{{- $sum := 0 }}
{{- range (include "rollout-route.splitRefs" .spec | fromJson).refs }}
  {{- $weight := int (dig "weight" 1 .) }}
  {{- $sum = add $sum $weight }}
  {{- $_ := set $weights (include "rollout-route.poolKey" (dict "ref" . "namespace" $.namespace)) $weight }}
{{- end }}
{{- range $pool, $weight := $weights }}
  {{- $_ := set $weights $pool (div (mul 100 $weight) (max $sum 1)) }}
{{- end }}
{{- toJson $weights }}
{{- end }}

{{- /* backendRefs of the first rule of a spec that is not a canary, as JSON: {"refs": [...]}. */}}
{{- define "rollout-route.splitRefs" -}}
{{- $refs := list }}
{{- range reverse (default list .rules) }}
  {{- if not (contains ".canary-" (default "" .name)) }}
    {{- $refs = default list .backendRefs }}
  {{- end }}
{{- end }}
{{- dict "refs" $refs | toJson }}
{{- end }}

{{- /* Every leaf of `value` below `path` as JSON, path: value; empty values are left out. */}}
{{- define "rollout-route.leaves" -}}
{{- $leaves := dict }}
{{- if kindIs "map" .value }}
  {{- range $key, $value := .value }}
    {{- $_ := mergeOverwrite $leaves (include "rollout-route.leaves" (dict "path" (printf "%s.%s" $.path $key) "value" $value) | fromJson) }}
  {{- end }}
{{- else if kindIs "slice" .value }}
  {{- range $index, $value := .value }}
    {{- $_ := mergeOverwrite $leaves (include "rollout-route.leaves" (dict "path" (printf "%s[%d]" $.path $index) "value" $value) | fromJson) }}
  {{- end }}
{{- else if .value }}
  {{- $_ := set $leaves (trimPrefix "." .path) .value }}
{{- end }}
{{- toJson $leaves }}
{{- end }}
