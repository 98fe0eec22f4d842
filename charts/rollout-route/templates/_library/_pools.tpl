{{- /* Key of a backend's pool: namespace/name and, if it is not the default, its group; from the `backend` and the
       release's `namespace`. */}}
{{- define "rollout-route.pool" -}}
{{- $ref := include "rollout-route.poolRef" .backend | fromJson }}
{{- include "rollout-route.poolKey" (dict "ref" $ref "namespace" .namespace) }}
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
