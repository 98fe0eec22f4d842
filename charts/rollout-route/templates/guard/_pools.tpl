{{- /* Fails if a pool that this revision refers to anew, or gives more requests, cannot take them. */}}
{{- define "rollout-route.guardPools" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $pods := dict }}
{{- $routed := include "rollout-route.pools" (dict "spec" .live.spec "namespace" $namespace) | fromJsonArray }}
{{- $wanted := include "rollout-route.pools" (dict "spec" .next "namespace" $namespace) | fromJsonArray }}
{{- range $backend := .root.Values.backends }}
  {{- $key := include "rollout-route.pool" (dict "backend" . "namespace" $namespace) }}
  {{- $isRouted := has $key $routed }}
  {{- $more := gt (int (get $.after $key)) (int (get $.before $key)) }}
  {{- if and (has $key $wanted) (or $more (not $isRouted)) }}
    {{- $arguments := dict "root" $.root "live" $.live "backend" . "key" $key "routed" $isRouted }}
    {{- include "rollout-route.checkPool" $arguments }}
  {{- end }}
  {{- if $more }}
    {{- $own := default $namespace .namespace }}
    {{- include "rollout-route.readPods" (dict "root" $.root "namespace" $own "into" $pods) }}
    {{- $arguments := merge (dict "backend" . "key" $key "pods" $pods) $ }}
    {{- include "rollout-route.checkServers" $arguments }}
    {{- include "rollout-route.checkApart" $arguments }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* API version of the pool of a backend. */}}
{{- define "rollout-route.poolApi" -}}
{{- $isOldApi := include "rollout-route.group" . | hasSuffix "x-k8s.io" }}
{{- ternary "inference.networking.x-k8s.io/v1alpha2" "inference.networking.k8s.io/v1" $isOldApi }}
{{- end }}

{{- /* Fails if the pool of a `backend` is not there, or a gateway of the route does not accept it. */}}
{{- define "rollout-route.checkPool" -}}
{{- $api := include "rollout-route.poolApi" .backend }}
{{- include "rollout-route.checkApi" (dict "root" .root "api" $api "kind" "InferencePool") }}
{{- $namespace := default .root.Release.Namespace .backend.namespace }}
{{- $pool := lookup $api "InferencePool" $namespace .backend.pool }}
{{- if not $pool }}
  {{- fail (printf "backend %s: there is no InferencePool %s/%s of %s; install it first (helm install %s charts/inferencepool --namespace %s), or correct backends" .backend.name $namespace .backend.pool $api .backend.pool $namespace) }}
{{- end }}
{{- range .root.Values.parentRefs }}
  {{- include "rollout-route.checkConditions" (merge (dict "pool" $pool "gateway" .) $) }}
{{- end }}
{{- end }}

{{- /* Fails if one `gateway` (a parentRef) reports that a `pool` is not Accepted or not ResolvedRefs, or, where it has
       reported nothing, if rollout-route.checkUnreported fails. */}}
{{- define "rollout-route.checkConditions" -}}
{{- $conditions := include "rollout-route.poolConditions" . | fromJson }}
{{- range $type := list "Accepted" "ResolvedRefs" }}
  {{- $condition := default dict (get $conditions $type) }}
  {{- if eq (default "Unknown" $condition.status) "False" }}
    {{- fail (printf "backend %s: Gateway %s calls InferencePool %s not %s (%s: %s); repair the pool before it gets requests" $.backend.name $.gateway.name $.key $type $condition.reason $condition.message) }}
  {{- end }}
{{- end }}
{{- if ne (len $conditions) 2 }}
  {{- include "rollout-route.checkUnreported" . }}
{{- end }}
{{- end }}

{{- /* Fails if the `gateway` should have reported conditions of a `pool` and has not. A gateway writes conditions for
       a pool only once one of its routes refers to it. Missing conditions therefore fail only if the live route
       already refers to the pool and the gateway has processed it. Otherwise this checks the pool's endpoint picker
       itself. */}}
{{- define "rollout-route.checkUnreported" -}}
{{- if and .routed (include "rollout-route.hasProcessed" .) }}
  {{- fail (printf "backend %s: Gateway %s serves the route to InferencePool %s and says nothing of the pool; try again if the pool is seconds old, else the gateway has no inference support (--set guards.pools=false if it is only that it writes no status)" .backend.name .gateway.name .key) }}
{{- end }}
{{- $picker := default (default dict .pool.spec.extensionRef) .pool.spec.endpointPickerRef }}
{{- $isService := eq (default "Service" $picker.kind) "Service" }}
{{- if and $isService (not (lookup "v1" "Service" .pool.metadata.namespace $picker.name)) }}
  {{- fail (printf "backend %s: InferencePool %s names the endpoint picker %s, and there is no such Service; repair the pool before it gets requests" .backend.name .key $picker.name) }}
{{- end }}
{{- end }}

{{- /* The conditions of a `pool` that its `gateway` has decided, by type, as JSON. */}}
{{- define "rollout-route.poolConditions" -}}
{{- $status := default dict .pool.status }}
{{- $parents := coalesce $status.parents $status.parent list }}
{{- $arguments := dict "parents" $parents "namespace" .pool.metadata.namespace "gateway" .gateway "root" .root }}
{{- $decided := dict }}
{{- range include "rollout-route.conditions" $arguments | fromJsonArray }}
  {{- if and (has .type (list "Accepted" "ResolvedRefs")) (ne .status "Unknown") }}
    {{- $_ := set $decided .type . }}
  {{- end }}
{{- end }}
{{- toJson $decided }}
{{- end }}

{{- /* "true" if the `gateway` has processed the live route as it is now. */}}
{{- define "rollout-route.hasProcessed" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $arguments := dict "parents" .live.parents "namespace" $namespace "gateway" .gateway "root" .root }}
{{- $processed := "" }}
{{- range include "rollout-route.conditions" $arguments | fromJsonArray }}
  {{- if and (eq .type "Accepted") (eq (int .observedGeneration) (int $.live.generation)) }}
    {{- $processed = "true" }}
  {{- end }}
{{- end }}
{{- $processed }}
{{- end }}

{{- /* The conditions that those of `parents`, the status of an object in `namespace`, have that are the `gateway`, as a
       JSON list. */}}
{{- define "rollout-route.conditions" -}}
{{- $gatewayNamespace := default .root.Release.Namespace .gateway.namespace }}
{{- $conditions := list }}
{{- range .parents }}
  {{- $namespace := default $.namespace .parentRef.namespace }}
  {{- if and (eq .parentRef.name $.gateway.name) (eq $namespace $gatewayNamespace) }}
    {{- $conditions = concat $conditions (default list .conditions) }}
  {{- end }}
{{- end }}
{{- toJson $conditions }}
{{- end }}
