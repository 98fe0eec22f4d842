{{- /* Nothing, or a refusal of what model, modelServer, accelerator, autoscaling or leaderWorkerSet ask for together. */}}
{{- define "inferencepool.checkModelServer" -}}
{{- include "inferencepool.checkServer" . }}
{{- include "inferencepool.checkRollingUpdate" . }}
{{- include "inferencepool.checkModelSource" . }}
{{- if .Values.accelerator.preset }}{{ include "inferencepool.checkAccelerator" . }}{{ end }}
{{- if .Values.accelerator.dra.enabled }}{{ include "inferencepool.checkDynamicResources" . }}{{ end }}
{{- if .Values.autoscaling.type }}{{ include "inferencepool.checkAutoscaling" . }}{{ end }}
{{- if .Values.leaderWorkerSet.enabled }}{{ include "inferencepool.checkLeaderWorkerSet" . }}{{ end }}
{{- include "inferencepool.checkMonitors" . }}
{{- end }}

{{- /* Nothing, or a refusal because modelServer.preset can't do what lora, modelServer or model ask. */}}
{{- define "inferencepool.checkServer" -}}
{{- $name := .Values.modelServer.preset -}}
{{- $preset := include "inferencepool.modelServer" . | fromJson -}}
{{- if not (has .Values.lora.mode $preset.loraModes) -}}
{{- fail (printf "lora.mode is %s, but the model server %s can't do that; set one of %s" .Values.lora.mode $name (join ", " $preset.loraModes)) -}}
{{- end -}}
{{- if and (eq $name "custom") (not .Values.modelServer.image.repository) -}}
{{- fail "modelServer.preset is custom, but modelServer.image.repository is empty; name the image of the server" -}}
{{- end -}}
{{- with .Values.modelServer.custom -}}
{{- if and (ne $name "custom") (or .command .args .metrics) -}}
{{- fail (printf "modelServer.custom is given, but modelServer.preset is %s and it would be ignored; set modelServer.preset=custom, or say it with modelServer.extraArgs" $name) -}}
{{- end -}}
{{- if and (not .engine) (not (and .metrics.queue .metrics.kvCache)) -}}
{{- fail "modelServer.custom.engine is empty, so the EPP reads modelServer.custom.metrics, but queue or kvCache is not there; give both, or name an engine" -}}
{{- end -}}
{{- end -}}
{{- if and $preset.needsModelSource (eq .Values.model.source.type "hub") -}}
{{- fail (printf "modelServer.preset %s serves an engine that was built before, but model.source.type is hub; set it to pvc or image" $name) -}}
{{- end -}}
{{- if and .Values.modelServer.warmUp.enabled (not $preset.warmUpCommand) -}}
{{- fail (printf "modelServer.warmUp.enabled asks for a first token from inside the container, but the image of modelServer.preset %s has nothing to ask with; set modelServer.warmUp.enabled=false" $name) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because modelServer.rollingUpdate leaves no pod that could be replaced. */}}
{{- define "inferencepool.checkRollingUpdate" -}}
{{- with .Values.modelServer.rollingUpdate -}}
{{- if and (has (toString .maxSurge) (list "0" "0%")) (has (toString .maxUnavailable) (list "0" "0%")) -}}
{{- fail "modelServer.rollingUpdate.maxSurge and maxUnavailable are both 0, so no pod could ever be replaced; set modelServer.rollingUpdate.maxUnavailable=1" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because model.source names a type without its place, or a place that the type would ignore. */}}
{{- define "inferencepool.checkModelSource" -}}
{{- with .Values.model.source -}}
{{- $places := dict "pvc" "claimName" "image" "image" -}}
{{- range $type, $place := $places -}}
{{- if and (eq $.Values.model.source.type $type) (not (get $.Values.model.source $place)) -}}
{{- fail (printf "model.source.type is %s, but model.source.%s is empty; name it" $type $place) -}}
{{- end -}}
{{- if and (ne $.Values.model.source.type $type) (get $.Values.model.source $place) -}}
{{- fail (printf "model.source.%s is given, but model.source.type is %s and it would be ignored; set model.source.type=%s" $place $.Values.model.source.type $type) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .type "hub") .path -}}
{{- fail "model.source.path is given, but model.source.type is hub and it would be ignored; set model.source.type to pvc or image" -}}
{{- end -}}
{{- if and (eq .type "image") (semverCompare "<1.31.0-0" $.Capabilities.KubeVersion.Version) -}}
{{- fail (printf "model.source.type is image, but Kubernetes %s has no image volumes (1.31 or newer); set it to pvc" $.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because accelerator.preset is not to be had: at this provider, in this number, for this server. */}}
{{- define "inferencepool.checkAccelerator" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson -}}
{{- $server := .Values.modelServer.preset -}}
{{- with .Values.accelerator -}}
{{- if not (hasKey $accelerator.nodes $.Values.provider) -}}
{{- fail (printf "accelerator.preset %s is not to be had with provider %s, only with %s; set provider, or leave the preset empty and use modelServer.nodeSelector" .preset $.Values.provider (keys $accelerator.nodes | sortAlpha | join ", ")) -}}
{{- end -}}
{{- if and $accelerator.topologies (not (hasKey $accelerator.topologies (toString .count))) -}}
{{- fail (printf "accelerator.count is %d, but a node has %s of accelerator.preset %s; set one of these" (int .count) (keys $accelerator.topologies | sortAlpha | join ", ") .preset) -}}
{{- end -}}
{{- $known := or (include "inferencepool.modelServer" $ | fromJson).anyAccelerator (hasKey $accelerator.images $server) -}}
{{- if not (or $known $.Values.modelServer.image.repository) -}}
{{- fail (printf "no image of modelServer.preset %s for accelerator.preset %s is known; name one with modelServer.image.registry, .repository and .tag" $server .preset) -}}
{{- end -}}
{{- $resource := include "inferencepool.acceleratorResource" $ -}}
{{- if and $resource (hasKey ($.Values.modelServer.resources.limits | default dict) $resource) -}}
{{- fail (printf "modelServer.resources.limits has %s, which accelerator.preset %s asks for; leave it out and set accelerator.count" $resource .preset) -}}
{{- end -}}
{{- if and (not $resource) (ne (int .count) 1) -}}
{{- fail (printf "accelerator.count is %d, but accelerator.preset %s counts nothing; set accelerator.count=1" (int .count) .preset) -}}
{{- end -}}
{{- end -}}
{{- include "inferencepool.checkParallel" . -}}
{{- end }}

{{- /* Nothing, or a refusal because the accelerators are not as many as modelServer's parallel sizes need. */}}
{{- define "inferencepool.checkParallel" -}}
{{- $all := include "inferencepool.accelerators" . | int -}}
{{- $tensor := include "inferencepool.tensorParallelSize" . | int -}}
{{- $pipeline := int .Values.modelServer.pipelineParallelSize -}}
{{- if ne $all (int (mul $tensor $pipeline)) -}}
{{- fail (printf "modelServer.tensorParallelSize (%d) times modelServer.pipelineParallelSize (%d) is not the %d accelerators that accelerator.count and leaderWorkerSet.size make; let them agree" $tensor $pipeline $all) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because accelerator.dra has no class to ask for or no API to ask. */}}
{{- define "inferencepool.checkDynamicResources" -}}
{{- $class := .Values.accelerator.dra.deviceClass | default (dig "dra" "deviceClass" "" (include "inferencepool.accelerator" . | fromJson)) -}}
{{- if not $class -}}
{{- fail (printf "accelerator.dra.enabled is true, but accelerator.preset %q has no DeviceClass; set accelerator.dra.deviceClass" .Values.accelerator.preset) -}}
{{- end -}}
{{- if semverCompare "<1.34.0-0" .Capabilities.KubeVersion.Version -}}
{{- fail (printf "accelerator.dra.enabled is true, but Kubernetes %s does not serve resource.k8s.io/v1 (1.34 or newer); set accelerator.dra.enabled=false" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because autoscaling has two masters, no room or nothing to go by. */}}
{{- define "inferencepool.checkAutoscaling" -}}
{{- $metrics := (include "inferencepool.modelServer" . | fromJson).metrics -}}
{{- if not (kindIs "invalid" .Values.modelServer.replicas) -}}
{{- fail (printf "modelServer.replicas is %d, but autoscaling.type is %s and each upgrade would undo what it scaled; leave modelServer.replicas unset and use autoscaling.minReplicas" (int .Values.modelServer.replicas) .Values.autoscaling.type) -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d); raise the latter" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if not (or .queuedRequests .kvCachePercent) -}}
{{- fail "autoscaling.queuedRequests and autoscaling.kvCachePercent are both 0, so nothing says when to scale; set one of them" -}}
{{- end -}}
{{- range $value, $metric := dict "queuedRequests" "queue" "kvCachePercent" "kvCache" -}}
{{- if and (get $.Values.autoscaling $value) (not (get $metrics $metric)) -}}
{{- fail (printf "autoscaling.%s needs the metric %s, which modelServer.preset %s does not name; set modelServer.custom.metrics.%s, or autoscaling.%s=0" $value $metric $.Values.modelServer.preset $metric $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because modelServer.preset can't span the nodes of a leaderWorkerSet. */}}
{{- define "inferencepool.checkLeaderWorkerSet" -}}
{{- if not (include "inferencepool.modelServer" . | fromJson).multiNode -}}
{{- fail (printf "leaderWorkerSet.enabled is true, but modelServer.preset %s serves from one node; set leaderWorkerSet.enabled=false" .Values.modelServer.preset) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because observability would scrape an EPP that wants a token without one. */}}
{{- define "inferencepool.checkMonitors" -}}
{{- if and .Values.observability.serviceMonitor.enabled .Values.epp.metricsAuth (not .Values.observability.serviceMonitor.tokenSecret.name) -}}
{{- fail "observability.serviceMonitor.enabled is true and epp.metricsAuth is true, but observability.serviceMonitor.tokenSecret is empty; name the Secret with the token, or set epp.metricsAuth=false" -}}
{{- end -}}
{{- end }}
