{{- /* Fails if a list has two entries with the same merge key, the keys by which the API server tells entries apart.
       */}}
{{- define "inferencepool.checkLists" -}}
{{- $mergeKeys := dict
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
}}
{{- range $list, $keys := $mergeKeys }}
  {{- $entries := $.Values }}
  {{- range splitList "." $list }}
    {{- $entries = get $entries . }}
  {{- end }}
  {{- include "inferencepool.checkList" (dict "list" $list "keys" (splitList " " $keys) "entries" $entries) }}
{{- end }}
{{- end }}

{{- /* Fails if two of `entries`, which are the list `list`, have the same values of `keys`. */}}
{{- define "inferencepool.checkList" -}}
{{- $found := list }}
{{- range $entry := .entries }}
  {{- $own := list }}
  {{- range $.keys }}
    {{- $own = append $own (get $entry .) }}
  {{- end }}
  {{- if has $own $found }}
    {{- fail (printf "%s has two entries of the same %s (%s); leave one out" $.list (join ", " $.keys) (toJson $entry)) }}
  {{- end }}
  {{- $found = append $found $own }}
{{- end }}
{{- end }}
