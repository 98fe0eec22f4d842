{{- /* Name of the EPP's generation, a file of files/epp: epp.generation, or the one that belongs to the API's. */}}
{{- define "inferencepool.eppGeneration" -}}
{{- .Values.epp.generation | default (include "inferencepool.api" . | fromJson).epp -}}
{{- end }}

{{- /* The EPP's generation as JSON: image, args, healthServices, rules, apis, presets and what it can, completed from epp:
its version, args with the flags of that version, and of metrics the row of that version, as reader. */}}
{{- define "inferencepool.epp" -}}
{{- include "inferencepool.once" (dict "root" . "of" "inferencepool.eppPreset") -}}
{{- end }}

{{- /* inferencepool.epp from its file. */}}
{{- define "inferencepool.eppPreset" -}}
{{- $epp := tpl (.Files.Get (printf "files/epp/%s.yaml" (include "inferencepool.eppGeneration" .))) . | fromYaml -}}
{{- $tag := .Values.epp.image.tag -}}
{{- $version := regexMatch "^v?[0-9]+[.][0-9]+[.][0-9]+$" $tag | ternary $tag $epp.image.tag -}}
{{- range $since, $args := $epp.laterArgs -}}
{{- if semverCompare (printf ">=%s" $since) $version }}{{ $_ := set $epp "args" (concat $epp.args $args) }}{{ end -}}
{{- end -}}
{{- range $epp.metrics }}{{ if semverCompare .versions $version }}{{ $_ := set $epp "reader" . }}{{ end }}{{ end -}}
{{- set $epp "version" $version | toJson -}}
{{- end }}

{{- /* "true" if `since`, the first image that can do something (empty for none), is not newer than that of `epp`. */}}
{{- define "inferencepool.eppHas" -}}
{{- if .since }}{{ semverCompare (printf ">=%s" .since) .epp.version | ternary "true" "" }}{{ end -}}
{{- end }}

{{- /* Seconds for which an EPP that goes still takes requests: until nobody asks it any more. */}}
{{- define "inferencepool.eppDrainSeconds" -}}
5
{{- end }}

{{- /* Seconds until an EPP that goes is told to, from epp.terminationGracePeriodSeconds: once told it takes 30 s at most. */}}
{{- define "inferencepool.eppPreStopSeconds" -}}
{{- max (include "inferencepool.eppDrainSeconds" .) (sub .Values.epp.terminationGracePeriodSeconds 30) -}}
{{- end }}

{{- /* Image of the EPP: epp.image over the generation's. */}}
{{- define "inferencepool.eppImage" -}}
{{- include "inferencepool.imageOver" (dict "root" . "image" .Values.epp.image "preset" (include "inferencepool.epp" . | fromJson).image) -}}
{{- end }}

{{- /* The EndpointPickerConfig: the file that epp.plugins.preset names for the EPP's generation, or epp.plugins.custom. */}}
{{- define "inferencepool.plugins" -}}
{{- $file := printf "files/plugins/%s/%s.yaml" (include "inferencepool.eppGeneration" .) .Values.epp.plugins.preset -}}
{{- $config := ternary .Values.epp.plugins.custom (.Files.Get $file) (eq .Values.epp.plugins.preset "custom") -}}
{{- include "inferencepool.withEngine" (dict "root" . "config" $config) -}}
{{- end }}

{{- /* Flags of the EPP that the chart sets, as a YAML list: those of its version, and those for metrics. */}}
{{- define "inferencepool.eppOwnArgs" -}}
{{- (include "inferencepool.epp" . | fromJson).args | toYaml }}
{{- include "inferencepool.metricFlags" . }}
{{- end }}

{{- /* All flags of the EPP as a YAML list: the chart's and epp.flags. */}}
{{- define "inferencepool.eppArgs" -}}
{{- include "inferencepool.eppOwnArgs" . }}
{{- range $flag, $value := .Values.epp.flags }}
- {{ printf "--%s=%s" $flag (ternary $value (toJson $value) (kindIs "string" $value)) | quote }}
{{- end }}
{{- end }}
