{{- /* All checks of adopt. */}}
{{- define "inferencepool.checkAdopt" -}}
{{- include "inferencepool.checkTemplates" . }}
{{- include "inferencepool.checkNames" . }}
{{- include "inferencepool.checkGroups" . }}
{{- end }}

{{- /* Fails if two objects would have one name. */}}
{{- define "inferencepool.checkNames" -}}
{{- $epp := include "inferencepool.eppName" . }}
{{- $adapters := include "inferencepool.adaptersName" . }}
{{- if eq (include "inferencepool.serverName" .) $epp }}
  {{- fail (printf "adopt.modelServer.name and adopt.epp.name make two Deployments %s; give each its own" $epp) }}
{{- end }}
{{- if and (eq (include "inferencepool.loraMode" .) "syncer") (eq $adapters (include "inferencepool.pluginsName" .)) }}
  {{- fail (printf "adopt.adapters and the EPP's configuration are both the ConfigMap %s; give each its own, or empty adopt.epp.configMap" $adapters) }}
{{- end }}
{{- end }}

{{- /* Fails if a leaderWorkerSet takes over what belongs to a Deployment. */}}
{{- define "inferencepool.checkGroups" -}}
{{- $server := .Values.adopt.modelServer }}
{{- $adopted := or $server.name $server.selector $server.template .Values.adopt.pool.selector }}
{{- if and .Values.leaderWorkerSet.enabled $adopted }}
  {{- fail "adopt.modelServer or adopt.pool is of a Deployment, but leaderWorkerSet.enabled is true; set leaderWorkerSet.enabled=false" }}
{{- end }}
{{- end }}

{{- /* Fails if an adopted pod template lacks the labels of its selector, or overrules other values. */}}
{{- define "inferencepool.checkTemplates" -}}
{{- range $part := list "modelServer" "epp" }}
  {{- $adopted := get $.Values.adopt $part }}
  {{- if $adopted.template }}
    {{- include "inferencepool.checkTemplateLabels" (dict "part" $part "adopted" $adopted) }}
    {{- include "inferencepool.checkTemplateValues" (dict "part" $part "values" (get $.Values $part)) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if the template of `adopted`, the `part` of adopt, lacks a label of its selector. */}}
{{- define "inferencepool.checkTemplateLabels" -}}
{{- $labels := dig "metadata" "labels" dict .adopted.template }}
{{- if not .adopted.selector }}
  {{- fail (printf "adopt.%s.template is given, but adopt.%s.selector is empty; name the labels by which its Deployment selects the pods" .part .part) }}
{{- end }}
{{- range $label, $value := .adopted.selector }}
  {{- if or (not (hasKey $labels $label)) (ne (get $labels $label | toString) $value) }}
    {{- fail (printf "adopt.%s.selector asks for the label %s=%s, which the pods of adopt.%s.template do not have; let them agree" $.part $label $value $.part) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if `values`, those of `part`, set something of the pods that the template of adopt already decides. */}}
{{- define "inferencepool.checkTemplateValues" -}}
{{- $shaping := pick .values
  "tensorParallelSize" "flags" "extraArgs" "extraEnv" "extraVolumes" "extraVolumeMounts" "extraContainers"
  "extraInitContainers" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName"
  "runtimeClassName" "schedulerName" "podLabels" "podAnnotations" "securityContext" "podSecurityContext"
  "serviceAccountName" "automountServiceAccountToken" "hostNetwork" "hostIPC"
}}
{{- $image := pick .values.image "registry" "repository" "tag" "digest" }}
{{- range $key, $value := merge $image $shaping }}
  {{- if $value }}
    {{- fail (printf "%s has a value for %s, but adopt.%s.template is what its pods are; change it there, or empty the template to let the pods restart as the chart's" $.part $key $.part) }}
  {{- end }}
{{- end }}
{{- end }}
