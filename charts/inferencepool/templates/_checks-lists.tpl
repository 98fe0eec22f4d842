{{- /* Nothing, or a refusal of a list that names something twice, by the keys that the API server tells its entries apart by. */}}
{{- define "inferencepool.checkLists" -}}
{{- $keysOf := dict
  "global.imagePullSecrets" "name"
  "modelServer.extraEnv" "name"
  "modelServer.extraVolumes" "name"
  "modelServer.extraVolumeMounts" "mountPath"
  "modelServer.extraContainers" "name"
  "modelServer.extraInitContainers" "name"
  "modelServer.topologySpreadConstraints" "topologyKey whenUnsatisfiable"
  "epp.extraEnv" "name"
  "epp.extraContainers" "name"
  "epp.extraVolumes" "name"
  "adopt.epp.servicePorts" "port protocol"
  "preview.parentRefs" "namespace name sectionName"
-}}
{{- range $list, $keys := $keysOf -}}
{{- $entries := $.Values -}}
{{- range splitList "." $list }}{{ $entries = get $entries . }}{{ end -}}
{{- include "inferencepool.checkList" (dict "list" $list "keys" (splitList " " $keys) "entries" $entries) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because two of `entries`, those of `list`, are the same by `keys`. */}}
{{- define "inferencepool.checkList" -}}
{{- $seen := list -}}
{{- range $entry := .entries -}}
{{- $known := list -}}
{{- range $.keys }}{{ $known = append $known (get $entry .) }}{{ end -}}
{{- if has $known $seen -}}
{{- fail (printf "%s has two entries of the same %s (%s); leave one out" $.list (join ", " $.keys) (toJson $entry)) -}}
{{- end -}}
{{- $seen = append $seen $known -}}
{{- end -}}
{{- end }}
