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

{{- /* Fails if what a value adds to a pod has the name of something that the chart has there, or mounts no volume. */}}
{{- define "inferencepool.checkPods" -}}
{{- $server := include "inferencepool.modelServerPod" (dict "root" . "role" "server") | fromYaml }}
{{- $epp := include "inferencepool.eppPod" . | fromYaml }}
{{- range $part, $pod := dict "modelServer" $server.spec "epp" $epp.spec }}
  {{- $first := first $pod.containers }}
  {{- $containers := concat ($pod.initContainers | default list) $pod.containers }}
  {{- include "inferencepool.checkList" (dict "list" (printf "%s.extraVolumes, with the chart's own volumes," $part) "keys" (list "name") "entries" $pod.volumes) }}
  {{- include "inferencepool.checkList" (dict "list" (printf "%s.extraContainers, with all other containers," $part) "keys" (list "name") "entries" $containers) }}
  {{- include "inferencepool.checkList" (dict "list" (printf "%s.extraEnv, with the chart's own," $part) "keys" (list "name") "entries" $first.env) }}
  {{- include "inferencepool.checkList" (dict "list" (printf "%s.extraVolumeMounts, with the chart's own," $part) "keys" (list "mountPath") "entries" $first.volumeMounts) }}
  {{- include "inferencepool.checkMounts" (dict "part" $part "mounts" $first.volumeMounts "volumes" $pod.volumes) }}
{{- end }}
{{- end }}

{{- /* Fails if one of the `mounts` of a `part` is of none of the pod's `volumes`. */}}
{{- define "inferencepool.checkMounts" -}}
{{- $names := list }}
{{- range .volumes }}
  {{- $names = append $names .name }}
{{- end }}
{{- range .mounts }}
  {{- if not (has .name $names) }}
    {{- fail (printf "%s.extraVolumeMounts mounts the volume %s, which the pod has not; it has %s: add it to %s.extraVolumes" $.part .name (join ", " $names) $.part) }}
  {{- end }}
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
