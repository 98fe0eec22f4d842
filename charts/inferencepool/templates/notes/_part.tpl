{{- /* The HTTPRoutes of the namespace that lead to InferencePools, the previews of pools not, as JSON: `read` (was a
       cluster read) and `routes`, name of the route to the percent of its requests that this pool gets, -1 if the route
       does not refer to it. Nothing is read without preview: such a release may have no right to list HTTPRoutes. */}}
{{- define "inferencepool.shares" -}}
{{- $found := dict }}
{{- if and .Values.preview.enabled (.Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1/HTTPRoute") }}
  {{- $found = lookup "gateway.networking.k8s.io/v1" "HTTPRoute" .Release.Namespace "" }}
{{- end }}
{{- $routes := dict }}
{{- range $found.items }}
  {{- $arguments := dict "spec" .spec "pool" $.Release.Name "namespace" $.Release.Namespace }}
  {{- $share := include "inferencepool.share" $arguments }}
  {{- if and $share (ne (dig "labels" "app.kubernetes.io/name" "" .metadata) "inferencepool") }}
    {{- $_ := set $routes .metadata.name (int $share) }}
  {{- end }}
{{- end }}
{{- dict "read" (not (empty $found)) "routes" $routes | toJson }}
{{- end }}

{{- /* Largest percent that a weighted rule of a route's `spec` gives a `pool` of a `namespace`; -1 if no rule refers to
       it, and empty if none refers to any InferencePool. */}}
{{- define "inferencepool.share" -}}
{{- $percents := list }}
{{- range .spec.rules }}
  {{- $rule := . }}
  {{- $sum := 0 }}
  {{- range .backendRefs }}
    {{- $sum = add $sum (dig "weight" 1 .) }}
  {{- end }}
  {{- range .backendRefs }}
    {{- $isPool := eq (default "Service" .kind) "InferencePool" }}
    {{- $isThis := and $isPool (eq .name $.pool) (eq (default $.namespace .namespace) $.namespace) }}
    {{- $weight := contains ".canary-" (default "" $rule.name) | ternary 0 (dig "weight" 1 .) }}
    {{- $percent := ternary (div (mul 100 $weight) (max $sum 1) | int) -1 $isThis }}
    {{- $percents = ternary (append $percents $percent) $percents $isPool }}
  {{- end }}
{{- end }}
{{- if $percents }}
  {{- $largest := -1 }}
  {{- range $percents }}
    {{- $largest = max $largest . }}
  {{- end }}
  {{- $largest }}
{{- end }}
{{- end }}

{{- /* What the pool's part is in the rollout, a sentence for each of inferencepool.shares. */}}
{{- define "inferencepool.part" -}}
{{- $shares := include "inferencepool.shares" . | fromJson }}
{{- $unknown := "It gets requests once a route gives it weight; whether one does was not read." }}
{{- $none := printf "No route of namespace %s leads to it or to another pool yet." .Release.Namespace }}
{{- $sentences := list }}
{{- range $route, $percent := $shares.routes }}
  {{- $share := int $percent }}
  {{- $some := printf "It takes part: HTTPRoute %s gives it %d %% of the requests." $route $share }}
  {{- $all := printf "It serves today: HTTPRoute %s gives it all requests." $route }}
  {{- $zero := printf "HTTPRoute %s refers to it and gives it no requests." $route }}
  {{- $new := printf "It is new to HTTPRoute %s, which gives all requests to other pools." $route }}
  {{- $sentences = append $sentences (get (dict "-1" $new "0" $zero "100" $all) (toString $share) | default $some) }}
{{- end }}
{{- join "\n" $sentences | default (ternary $none $unknown $shares.read) }}
{{- end }}

{{- /* The next command of a rollout after that part. */}}
{{- define "inferencepool.nextStep" -}}
{{- $shares := include "inferencepool.shares" . | fromJson }}
{{- $percents := values $shares.routes | join "," | splitList "," }}
{{- $route := keys $shares.routes | sortAlpha | first | default "route" }}
{{- $name := .Release.Name }}
{{- $namespace := printf "--namespace %s" .Release.Namespace }}
{{- if and $shares.read (not $shares.routes) }}
  {{- printf "helm install route charts/rollout-route %s" $namespace }}
  {{- if ne $name "pool-old" }}
    {{- printf " --set 'backends[0].name=old,backends[0].pool=%s," $name }}
    {{- printf "backends[1].name=new,backends[1].pool=%s-new'" $name }}
  {{- end }}
{{- else if has "100" $percents }}
  {{- printf "helm install %s-new charts/inferencepool" (trimSuffix "-old" $name) }}
  {{- printf " %s -f VALUES --wait" $namespace }}
{{- else }}
  {{- $isFirst := or (not $shares.read) (has "-1" $percents) (has "0" $percents) }}
  {{- printf "helm upgrade %s charts/rollout-route %s --reset-then-reuse-values" $route $namespace }}
  {{- printf " --set weights.new=%s" (ternary "10" "PERCENT" $isFirst) }}
{{- end }}
{{- end }}
