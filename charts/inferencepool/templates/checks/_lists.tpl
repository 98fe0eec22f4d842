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
{{- include "inferencepool.checkPod" (dict "part" "modelServer" "spec" $server.spec) }}
{{- include "inferencepool.checkPod" (dict "part" "epp" "spec" $epp.spec) }}
{{- end }}

{{- /* inferencepool.checkPods for the `spec` of the pods that the values of `part` are added to. */}}
{{- define "inferencepool.checkPod" -}}
{{- $container := first .spec.containers }}
{{- $containers := concat (.spec.initContainers | default list) .spec.containers }}
{{- $lists := list
  (dict "list" "extraVolumes" "keys" (list "name") "entries" .spec.volumes)
  (dict "list" "extraContainers" "keys" (list "name") "entries" $containers)
  (dict "list" "extraEnv" "keys" (list "name") "entries" $container.env)
  (dict "list" "extraVolumeMounts" "keys" (list "mountPath") "entries" $container.volumeMounts)
}}
{{- range $lists }}
  {{- $name := printf "%s.%s, with the chart's own," $.part .list }}
  {{- include "inferencepool.checkList" (merge (dict "list" $name) .) }}
{{- end }}
{{- $mounts := dict "part" .part "mounts" $container.volumeMounts "volumes" .spec.volumes }}
{{- include "inferencepool.checkMounts" $mounts }}
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
