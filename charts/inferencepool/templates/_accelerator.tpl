{{- /* The chosen preset of accelerator.preset over its family's defaults, as JSON; {} without a preset. */}}
{{- define "inferencepool.accelerator" -}}
{{- include "inferencepool.once" (dict "root" . "of" "inferencepool.acceleratorPreset") -}}
{{- end }}

{{- /* inferencepool.accelerator from its family's file. */}}
{{- define "inferencepool.acceleratorPreset" -}}
{{- $name := .Values.accelerator.preset -}}
{{- if not $name -}}
{}
{{- else -}}
{{- $family := .Files.Get (printf "files/accelerators/%s.yaml" (splitList "-" $name | first)) | fromYaml -}}
{{- mergeOverwrite (omit $family "presets") (get $family.presets $name) | toJson -}}
{{- end -}}
{{- end }}

{{- /* The extended resource of accelerator.preset at provider; empty without one. */}}
{{- define "inferencepool.acceleratorResource" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson -}}
{{- get ($accelerator.resourceByProvider | default dict) .Values.provider | default $accelerator.resource | default "" -}}
{{- end }}

{{- /* Node labels of accelerator.preset at provider, each with its allowed values (none: a node must not have the label),
as JSON; {} with accelerator.dra. */}}
{{- define "inferencepool.acceleratorLabels" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson -}}
{{- $labels := get ($accelerator.nodes | default dict) .Values.provider | default dict -}}
{{- with $accelerator.topologies -}}
{{- $_ := set $labels $accelerator.topologyLabel (list (get . (toString $.Values.accelerator.count))) -}}
{{- end -}}
{{- ternary dict $labels .Values.accelerator.dra.enabled | toJson -}}
{{- end }}

{{- /* Node selector of the model servers: modelServer.nodeSelector and those labels that have one allowed value. */}}
{{- define "inferencepool.nodeSelector" -}}
{{- $selector := dict -}}
{{- range $label, $values := include "inferencepool.acceleratorLabels" . | fromJson -}}
{{- if eq (len $values) 1 }}{{ $_ := set $selector $label (first $values) }}{{ end -}}
{{- end -}}
{{- mergeOverwrite $selector .Values.modelServer.nodeSelector | toYaml -}}
{{- end }}

{{- /* What a node selector can't say of accelerator.preset, as a JSON list of expressions: labels of several allowed values,
or of none. */}}
{{- define "inferencepool.acceleratorExpressions" -}}
{{- $expressions := list -}}
{{- range $label, $values := include "inferencepool.acceleratorLabels" . | fromJson -}}
{{- if not $values }}{{ $expressions = append $expressions (dict "key" $label "operator" "DoesNotExist") }}{{ end -}}
{{- if gt (len $values) 1 }}{{ $expressions = append $expressions (dict "key" $label "operator" "In" "values" $values) }}{{ end -}}
{{- end -}}
{{- toJson $expressions -}}
{{- end }}

{{- /* Affinity of the model servers: modelServer.affinity, and in each of its node selector terms what
inferencepool.acceleratorExpressions says. */}}
{{- define "inferencepool.affinity" -}}
{{- $expressions := include "inferencepool.acceleratorExpressions" . | fromJsonArray -}}
{{- $affinity := deepCopy .Values.modelServer.affinity -}}
{{- if $expressions -}}
{{- $required := dig "nodeAffinity" "requiredDuringSchedulingIgnoredDuringExecution" "nodeSelectorTerms" (list dict) $affinity -}}
{{- $terms := list -}}
{{- range $required }}{{ $terms = append $terms (set . "matchExpressions" (concat (.matchExpressions | default list) $expressions)) }}{{ end -}}
{{- $node := dict "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- $affinity = mergeOverwrite $affinity (dict "nodeAffinity" $node) -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end }}

{{- /* Tolerations of the model servers: the accelerator's and modelServer.tolerations. */}}
{{- define "inferencepool.tolerations" -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson -}}
{{- concat ($accelerator.tolerations | default list) .Values.modelServer.tolerations | toYaml -}}
{{- end }}

{{- /* Resources of the server's container: modelServer.resources and the accelerators, as a resource or as a claim. */}}
{{- define "inferencepool.modelServerResources" -}}
{{- $resources := deepCopy .Values.modelServer.resources -}}
{{- $resource := include "inferencepool.acceleratorResource" . -}}
{{- if .Values.accelerator.dra.enabled -}}
{{- $_ := set $resources "claims" (append ($resources.claims | default list) (dict "name" "accelerator")) -}}
{{- else if $resource -}}
{{- $_ := set $resources "limits" (merge (dict $resource .Values.accelerator.count) ($resources.limits | default dict)) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}
