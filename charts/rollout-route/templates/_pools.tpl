{{- /* Nothing, or a refusal because a pool that this revision refers to anew, or gives more requests, cannot take
       them. */}}
{{- define "rollout-route.guardPools" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $routed := (include "rollout-route.pools" (dict "spec" (default dict .live.spec) "namespace" $namespace) | fromJson).pools }}
{{- $wanted := (include "rollout-route.pools" (dict "spec" .next "namespace" $namespace) | fromJson).pools }}
{{- range $backend := .root.Values.backends }}
  {{- $key := include "rollout-route.pool" (dict "backend" . "namespace" $namespace) }}
  {{- $more := gt (int (get $.after $key)) (int (get $.before $key)) }}
  {{- if and (has $key $wanted) (or $more (not (has $key $routed))) }}
    {{- include "rollout-route.checkPool" (dict "root" $.root "live" $.live "backend" . "key" $key "routed" (has $key $routed)) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Key of every pool that a `spec` refers to, mirrors too, as JSON: {"pools": [...]}. */}}
{{- define "rollout-route.pools" -}}
{{- $pools := list }}
{{- range default list .spec.rules }}
  {{- range concat (default list .backendRefs) (include "rollout-route.mirrorRefs" . | fromJson).refs }}
    {{- $pools = append $pools (include "rollout-route.poolKey" (dict "ref" . "namespace" $.namespace)) }}
  {{- end }}
{{- end }}
{{- dict "pools" $pools | toJson }}
{{- end }}

{{- /* backendRefs of the mirror filters of a rule, as JSON: {"refs": [...]}. */}}
{{- define "rollout-route.mirrorRefs" -}}
{{- $refs := list }}
{{- range default list .filters }}
  {{- with .requestMirror }}
    {{- $refs = append $refs .backendRef }}
  {{- end }}
{{- end }}
{{- dict "refs" $refs | toJson }}
{{- end }}

{{- /* Nothing, or a refusal of the pool of a `backend`, from its live object and what the route's gateways say of it.
       */}}
{{- define "rollout-route.checkPool" -}}
{{- $api := include "rollout-route.group" .backend | hasSuffix "x-k8s.io" | ternary "inference.networking.x-k8s.io/v1alpha2" "inference.networking.k8s.io/v1" }}
{{- include "rollout-route.checkApi" (dict "root" .root "api" $api "kind" "InferencePool") }}
{{- $namespace := default .root.Release.Namespace .backend.namespace }}
{{- $pool := lookup $api "InferencePool" $namespace .backend.pool }}
{{- if not $pool }}
  {{- fail (printf "backend %s: there is no InferencePool %s/%s of %s; install it first (helm install %s charts/inferencepool --namespace %s), or correct backends" .backend.name $namespace .backend.pool $api .backend.pool $namespace) }}
{{- end }}
{{- range .root.Values.parentRefs }}
  {{- include "rollout-route.checkJudgement" (merge (dict "pool" $pool "gateway" .) $) }}
{{- end }}
{{- end }}

{{- /* Nothing, or a refusal of a `pool` because of what one `gateway` (a parentRef) says of it: what it calls not
       Accepted or not ResolvedRefs is refused. A gateway judges a pool only once a route of its leads there, so no
       word at all is refused only where the gateway has seen the live route, and that one leads there already; else
       its endpoint picker is looked for in the gateway's place. */}}
{{- define "rollout-route.checkJudgement" -}}
{{- $conditions := (include "rollout-route.judgement" . | fromJson).conditions }}
{{- range $type := list "Accepted" "ResolvedRefs" }}
  {{- $condition := default dict (get $conditions $type) }}
  {{- if eq (default "Unknown" $condition.status) "False" }}
    {{- fail (printf "backend %s: Gateway %s calls InferencePool %s not %s (%s: %s); repair the pool before it gets requests" $.backend.name $.gateway.name $.key $type $condition.reason $condition.message) }}
  {{- end }}
{{- end }}
{{- if ne (len $conditions) 2 }}
  {{- include "rollout-route.checkUnjudged" . }}
{{- end }}
{{- end }}

{{- /* Conditions of a `pool` that its `gateway` has decided, by type, as JSON: {"conditions": {...}}. */}}
{{- define "rollout-route.judgement" -}}
{{- $conditions := dict }}
{{- $status := default dict .pool.status }}
{{- range coalesce $status.parents $status.parent list }}
  {{- $isOurs := and (eq .parentRef.name $.gateway.name) (eq (default $.pool.metadata.namespace .parentRef.namespace) (default $.root.Release.Namespace $.gateway.namespace)) }}
  {{- range $isOurs | ternary .conditions list }}
    {{- if and (has .type (list "Accepted" "ResolvedRefs")) (ne .status "Unknown") }}
      {{- $_ := set $conditions .type . }}
    {{- end }}
  {{- end }}
{{- end }}
{{- dict "conditions" $conditions | toJson }}
{{- end }}

{{- /* Nothing, or a refusal of a `pool` that its `gateway` has not judged. */}}
{{- define "rollout-route.checkUnjudged" -}}
{{- if and .routed (include "rollout-route.hasSeen" .) }}
  {{- fail (printf "backend %s: Gateway %s serves the route to InferencePool %s and says nothing of the pool; try again if the pool is seconds old, else the gateway has no inference support (--set guards.pools=false if it is only that it writes no status)" .backend.name .gateway.name .key) }}
{{- end }}
{{- $picker := default (default dict .pool.spec.extensionRef) .pool.spec.endpointPickerRef }}
{{- if and (eq (default "Service" $picker.kind) "Service") (not (lookup "v1" "Service" .pool.metadata.namespace $picker.name)) }}
  {{- fail (printf "backend %s: InferencePool %s names the endpoint picker %s, and there is no such Service; repair the pool before it gets requests" .backend.name .key $picker.name) }}
{{- end }}
{{- end }}

{{- /* "true" if the `gateway` has seen the live route as it is now. */}}
{{- define "rollout-route.hasSeen" -}}
{{- $seen := "" }}
{{- range default list .live.parents }}
  {{- $isOurs := and (eq .parentRef.name $.gateway.name) (eq (default $.root.Release.Namespace .parentRef.namespace) (default $.root.Release.Namespace $.gateway.namespace)) }}
  {{- range $isOurs | ternary .conditions list }}
    {{- if and (eq .type "Accepted") (eq (int .observedGeneration) (int $.live.generation)) }}
      {{- $seen = "true" }}
    {{- end }}
  {{- end }}
{{- end }}
{{- $seen }}
{{- end }}
