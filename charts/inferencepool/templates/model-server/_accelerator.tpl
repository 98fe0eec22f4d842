{{- /* The preset accelerator.preset over the defaults of its vendor's file, as JSON; {} without a preset. */}}
{{- define "inferencepool.accelerator" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.acceleratorPreset") }}
{{- end }}

{{- /* inferencepool.accelerator from files/accelerators; the first word of a preset's name is its vendor's file. */}}
{{- define "inferencepool.acceleratorPreset" -}}
{{- $accelerator := dict }}
{{- with .Values.accelerator.preset }}
  {{- $vendor := $.Files.Get (printf "files/accelerators/%s.yaml" (splitList "-" . | first)) | fromYaml }}
  {{- $accelerator = mergeOverwrite (omit $vendor "presets") (get $vendor.presets .) }}
{{- end }}
{{- toJson $accelerator }}
{{- end }}

{{- /* The extended resource of accelerator.preset at provider; empty without one. */}}
{{- define "inferencepool.acceleratorResource" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson }}
{{- $atProvider := get ($accelerator.resourceByProvider | default dict) .Values.provider }}
{{- $atProvider | default $accelerator.resource | default "" }}
{{- end }}

{{- /* Node labels of accelerator.preset at provider, each with its allowed values (none: a node must not have the
       label), as JSON; {} with accelerator.dra. */}}
{{- define "inferencepool.acceleratorLabels" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson }}
{{- $labels := get ($accelerator.nodes | default dict) .Values.provider | default dict }}
{{- with $accelerator.topologies }}
  {{- $_ := set $labels $accelerator.topologyLabel (list (get . (toString $.Values.accelerator.count))) }}
{{- end }}
{{- ternary dict $labels .Values.accelerator.dra.enabled | toJson }}
{{- end }}

{{- /* Node selector of the model servers as JSON: modelServer.nodeSelector and those labels that have one allowed
       value. */}}
{{- define "inferencepool.nodeSelector" -}}
{{- $selector := dict }}
{{- range $label, $values := include "inferencepool.acceleratorLabels" . | fromJson }}
  {{- if eq (len $values) 1 }}
    {{- $_ := set $selector $label (first $values) }}
  {{- end }}
{{- end }}
{{- mergeOverwrite $selector .Values.modelServer.nodeSelector | toJson }}
{{- end }}

{{- /* The labels of accelerator.preset that have several allowed values, or none, which a node selector can't
       express, as a JSON list of match expressions. */}}
{{- define "inferencepool.acceleratorExpressions" -}}
{{- $expressions := list }}
{{- range $label, $values := include "inferencepool.acceleratorLabels" . | fromJson }}
  {{- if not $values }}
    {{- $expressions = append $expressions (dict "key" $label "operator" "DoesNotExist") }}
  {{- else if gt (len $values) 1 }}
    {{- $expressions = append $expressions (dict "key" $label "operator" "In" "values" $values) }}
  {{- end }}
{{- end }}
{{- toJson $expressions }}
{{- end }}

{{- /* Affinity of the model servers as JSON: modelServer.affinity, with inferencepool.acceleratorExpressions added to
       each of its node selector terms. */}}
{{- define "inferencepool.affinity" -}}
{{- $expressions := include "inferencepool.acceleratorExpressions" . | fromJsonArray }}
{{- $affinity := deepCopy .Values.modelServer.affinity }}
{{- $required := "requiredDuringSchedulingIgnoredDuringExecution" }}
{{- if $expressions }}
  {{- $terms := list }}
  {{- range dig "nodeAffinity" $required "nodeSelectorTerms" (list dict) $affinity }}
    {{- $all := concat (.matchExpressions | default list) $expressions }}
    {{- $terms = append $terms (set . "matchExpressions" $all) }}
  {{- end }}
  {{- $node := dict $required (dict "nodeSelectorTerms" $terms) }}
  {{- $affinity = mergeOverwrite $affinity (dict "nodeAffinity" $node) }}
{{- end }}
{{- toJson $affinity }}
{{- end }}

{{- /* Tolerations of the model servers as a JSON list: the accelerator's and modelServer.tolerations. */}}
{{- define "inferencepool.tolerations" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson }}
{{- concat ($accelerator.tolerations | default list) .Values.modelServer.tolerations | toJson }}
{{- end }}

{{- /* Quantities of resources (`of`) of one accelerator times `count`, as JSON: CPUs and memory in Gi. */}}
{{- define "inferencepool.times" -}}
{{- $of := .of | default dict }}
{{- $all := dict }}
{{- with $of.cpu }}
  {{- $_ := set $all "cpu" (mul . $.count | toString) }}
{{- end }}
{{- with $of.memory }}
  {{- $_ := set $all "memory" (printf "%dGi" (mul (trimSuffix "Gi" .) $.count)) }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{- /* What the server's container asks for, as JSON: modelServer.resources.requests over what the accelerators need and
       the room for the emptyDir of model.cache. A limit is a request too, so what has one is left out. */}}
{{- define "inferencepool.modelServerRequests" -}}
{{- $of := (include "inferencepool.accelerator" . | fromJson).requests }}
{{- $needed := include "inferencepool.times" (dict "of" $of "count" .Values.accelerator.count) | fromJson }}
{{- $cache := .Values.model.cache }}
{{- if and $cache.sizeLimit (not $cache.claimName) }}
  {{- $_ := set $needed "ephemeral-storage" $cache.sizeLimit }}
{{- end }}
{{- range keys (.Values.modelServer.resources.limits | default dict) }}
  {{- $_ := unset $needed . }}
{{- end }}
{{- mergeOverwrite $needed (.Values.modelServer.resources.requests | default dict) | toJson }}
{{- end }}

{{- /* Resources of the server's container: modelServer.resources and the accelerators, as a resource or as a claim.
       */}}
{{- define "inferencepool.modelServerResources" -}}
{{- $resources := deepCopy .Values.modelServer.resources }}
{{- with include "inferencepool.modelServerRequests" . | fromJson }}
  {{- $_ := set $resources "requests" . }}
{{- end }}
{{- $resource := include "inferencepool.acceleratorResource" . }}
{{- if .Values.accelerator.dra.enabled }}
  {{- $_ := set $resources "claims" (append ($resources.claims | default list) (dict "name" "accelerator")) }}
{{- else if $resource }}
  {{- $limits := merge (dict $resource .Values.accelerator.count) ($resources.limits | default dict) }}
  {{- $_ := set $resources "limits" $limits }}
{{- end }}
{{- toYaml $resources }}
{{- end }}

{{- /* The DeviceClass of a claim (`deviceClass`) and the CEL expression for its device (`selector`), as JSON, from
       accelerator.dra or accelerator.preset. */}}
{{- define "inferencepool.acceleratorClaim" -}}
{{- $preset := (include "inferencepool.accelerator" . | fromJson).dra | default dict }}
{{- merge (pick .Values.accelerator.dra "deviceClass" "selector") $preset | toJson }}
{{- end }}

{{- /* The name of the ResourceClaimTemplate. The API server refuses to change one, so the name ends with a hash of what
       it claims: another claim is another template, and Helm deletes the old one. */}}
{{- define "inferencepool.claimTemplate" -}}
{{- $claim := printf "%s of %v" (include "inferencepool.acceleratorClaim" .) .Values.accelerator.count }}
{{- printf "%s-accelerator-%s" .Release.Name (sha256sum $claim | trunc 8) }}
{{- end }}

{{- /* Devices that a server sees in a pod, or in all pods of a group: accelerator.count and leaderWorkerSet times the
       cores of one accelerator. */}}
{{- define "inferencepool.devices" -}}
{{- $nodes := ternary .Values.leaderWorkerSet.size 1 .Values.leaderWorkerSet.enabled }}
{{- $cores := (include "inferencepool.accelerator" . | fromJson).coresPerAccelerator | default 1 }}
{{- mul .Values.accelerator.count $nodes $cores }}
{{- end }}

{{- /* Devices that share each layer: modelServer.tensorParallelSize, else all over the other parallel sizes. */}}
{{- define "inferencepool.tensorParallelSize" -}}
{{- $others := mul .Values.modelServer.pipelineParallelSize .Values.modelServer.dataParallelSize }}
{{- $each := div (include "inferencepool.devices" .) $others | max 1 }}
{{- .Values.modelServer.tensorParallelSize | default $each }}
{{- end }}
