{{- /* Account of the EPP's pods: that of adopt.epp.template, else the chart's. */}}
{{- define "inferencepool.eppAccount" -}}
{{- $own := include "inferencepool.eppName" . -}}
{{- with .Values.adopt.epp.template }}{{ $own = dig "spec" "serviceAccountName" "default" . }}{{ end -}}
{{- $own -}}
{{- end }}

{{- /* "true" if the chart makes the EPP's account and its rights: an adopted EPP may have another. */}}
{{- define "inferencepool.makesAccount" -}}
{{- if eq (include "inferencepool.eppAccount" .) (include "inferencepool.eppName" .) }}true{{ end -}}
{{- end }}

{{- /* Name of the ConfigMap with the EPP's configuration; empty if an adopted EPP reads one that is not the release's. */}}
{{- define "inferencepool.pluginsName" -}}
{{- with .Values.adopt.epp -}}
{{- $own := ternary "" (include "inferencepool.eppName" $) (gt (len .template) 0) -}}
{{- .configMap | default $own -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because of adopt: a template that its selector misses, one name twice, values that it overrules. */}}
{{- define "inferencepool.checkAdopt" -}}
{{- $adopt := .Values.adopt -}}
{{- range $part := list "modelServer" "epp" -}}
{{- $adopted := get $adopt $part -}}
{{- if $adopted.template }}{{ include "inferencepool.checkTemplate" (dict "root" $ "part" $part "adopted" $adopted) }}{{ end -}}
{{- end -}}
{{- if eq (include "inferencepool.serverName" .) (include "inferencepool.eppName" .) -}}
{{- fail (printf "adopt.modelServer.name and adopt.epp.name make two Deployments %s; give each its own" (include "inferencepool.eppName" .)) -}}
{{- end -}}
{{- if and (eq .Values.lora.mode "syncer") (eq (include "inferencepool.adaptersName" .) (include "inferencepool.pluginsName" .)) -}}
{{- fail (printf "adopt.adapters and the EPP's configuration are both the ConfigMap %s; give each its own, or empty adopt.epp.configMap" (include "inferencepool.adaptersName" .)) -}}
{{- end -}}
{{- if and .Values.leaderWorkerSet.enabled (or $adopt.modelServer.name $adopt.modelServer.selector $adopt.modelServer.template $adopt.pool.selector) -}}
{{- fail "adopt.modelServer or adopt.pool is of a Deployment, but leaderWorkerSet.enabled is true; set leaderWorkerSet.enabled=false" -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal of the template of one `part` of `adopted`: without its labels, or beside values that it overrules. */}}
{{- define "inferencepool.checkTemplate" -}}
{{- $labels := dig "metadata" "labels" dict .adopted.template -}}
{{- if not .adopted.selector -}}
{{- fail (printf "adopt.%s.template is given, but adopt.%s.selector is empty; name the labels by which its Deployment selects the pods" .part .part) -}}
{{- end -}}
{{- range $label, $value := .adopted.selector -}}
{{- if or (not (hasKey $labels $label)) (ne (get $labels $label | toString) $value) -}}
{{- fail (printf "adopt.%s.selector asks for the label %s=%s, which the pods of adopt.%s.template do not have; let them agree" $.part $label $value $.part) -}}
{{- end -}}
{{- end -}}
{{- $values := get .root.Values .part -}}
{{- $given := pick $values "tensorParallelSize" "flags" "extraArgs" "extraEnv" "extraVolumes" "extraVolumeMounts" "extraContainers" "extraInitContainers" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "runtimeClassName" "schedulerName" "podLabels" "podAnnotations" -}}
{{- range $key, $value := merge (pick $values.image "registry" "repository" "tag" "digest") $given -}}
{{- if $value -}}
{{- fail (printf "%s has a value for %s, but adopt.%s.template is what its pods are; change it there, or empty the template to let the pods restart as the chart's" $.part $key $.part) -}}
{{- end -}}
{{- end -}}
{{- end }}
