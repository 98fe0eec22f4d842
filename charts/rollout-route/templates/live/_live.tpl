{{- /* What the cluster has before this revision, as JSON: `read` (could the cluster be read), `found` (is there a
       live route), its `spec`, `generation` and status `parents`, whether this release has `owned` and written it
       before, and if so `asked`: what the revision that wrote it recorded. Only `read` and `found` when there is
       none; neither when rendering offline or without `guards.enabled`. */}}
{{- define "rollout-route.live" -}}
{{- $live := dict "read" false "found" false "owned" false "asked" dict }}
{{- if and .Values.guards.enabled (lookup "v1" "Namespace" "" .Release.Namespace) }}
  {{- $_ := set $live "read" true }}
  {{- include "rollout-route.checkApi" (dict "root" . "api" "gateway.networking.k8s.io/v1" "kind" "HTTPRoute") }}
  {{- with lookup "gateway.networking.k8s.io/v1" "HTTPRoute" .Release.Namespace .Release.Name }}
    {{- $route := include "rollout-route.liveRoute" (dict "route" . "release" $.Release) | fromJson }}
    {{- $_ := mergeOverwrite $live $route }}
  {{- end }}
{{- end }}
{{- toJson $live }}
{{- end }}

{{- /* Fails if the cluster does not serve `kind` of `api`. */}}
{{- define "rollout-route.checkApi" -}}
{{- if not (.root.Capabilities.APIVersions.Has (printf "%s/%s" .api .kind)) }}
  {{- fail (printf "the cluster does not serve %s of %s: install its CRDs first" .kind .api) }}
{{- end }}
{{- end }}

{{- /* Those keys of rollout-route.live that a live `route` has, for a `release`, as JSON. */}}
{{- define "rollout-route.liveRoute" -}}
{{- $metadata := .route.metadata }}
{{- $annotations := default dict $metadata.annotations }}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- $name := get $annotations "meta.helm.sh/release-name" }}
{{- $isOwner := and (eq $namespace .release.Namespace) (eq $name .release.Name) }}
{{- $recorded := list }}
{{- range $key := list "weights" "values" "spec" }}
  {{- $recorded = ternary (append $recorded $key) $recorded (hasKey $annotations (printf "rollout-route/%s" $key)) }}
{{- end }}
{{- $owned := and $isOwner (not (empty $recorded)) }}
{{- $asked := dict }}
{{- range $key := ternary $recorded list $owned }}
  {{- with get $annotations (printf "rollout-route/%s" $key) }}
    {{- $_ := set $asked $key (fromJson .) }}
  {{- end }}
{{- end }}
{{- $live := dict "found" true "owned" $owned "spec" .route.spec "asked" $asked "generation" $metadata.generation }}
{{- toJson (set $live "parents" (default list (default dict .route.status).parents)) }}
{{- end }}
