{{- /* Name of the EPP's generation, a file of files/epp: epp.generation, or the one that belongs to the API's. */}}
{{- define "inferencepool.eppGeneration" -}}
{{- .Values.epp.generation | default (include "inferencepool.api" . | fromJson).epp -}}
{{- end }}

{{- /* The EPP's generation as JSON: image, args, healthServices, rules, apis, presets and what it can. */}}
{{- define "inferencepool.epp" -}}
{{- include "inferencepool.once" (dict "root" . "of" "inferencepool.eppPreset") -}}
{{- end }}

{{- /* inferencepool.epp from its file. */}}
{{- define "inferencepool.eppPreset" -}}
{{- tpl (.Files.Get (printf "files/epp/%s.yaml" (include "inferencepool.eppGeneration" .))) . | fromYaml | toJson -}}
{{- end }}

{{- /* Version of the EPP: epp.image.tag where it is one, else that of the generation's image. */}}
{{- define "inferencepool.eppVersion" -}}
{{- $tag := .Values.epp.image.tag -}}
{{- regexMatch "^v?[0-9]+[.][0-9]+[.][0-9]+$" $tag | ternary $tag (include "inferencepool.epp" . | fromJson).image.tag -}}
{{- end }}

{{- /* "true" if `since`, the first image that can do something (empty for none), is not newer than the EPP of `root`. */}}
{{- define "inferencepool.eppHas" -}}
{{- if .since }}{{ semverCompare (printf ">=%s" .since) (include "inferencepool.eppVersion" .root) | ternary "true" "" }}{{ end -}}
{{- end }}

{{- /* Seconds until an EPP that goes is told to, from epp.terminationGracePeriodSeconds: once told it takes 30 s at most. */}}
{{- define "inferencepool.eppPreStopSeconds" -}}
{{- max 5 (sub .Values.epp.terminationGracePeriodSeconds 30) -}}
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

{{- /* Flags of the EPP that the chart sets, as a YAML list: the generation's, its version's, and those for metrics. */}}
{{- define "inferencepool.eppOwnArgs" -}}
{{- $epp := include "inferencepool.epp" . | fromJson -}}
{{- $epp.args | toYaml }}
{{- range $since, $args := $epp.laterArgs }}
{{- if include "inferencepool.eppHas" (dict "root" $ "since" $since) }}
{{ $args | toYaml }}
{{- end }}
{{- end }}
{{- include "inferencepool.metricFlags" . }}
{{- end }}

{{- /* All flags of the EPP as a YAML list: the chart's and epp.flags. */}}
{{- define "inferencepool.eppArgs" -}}
{{- include "inferencepool.eppOwnArgs" . }}
{{- range $flag, $value := .Values.epp.flags }}
- {{ printf "--%s=%s" $flag (ternary $value (toJson $value) (kindIs "string" $value)) | quote }}
{{- end }}
{{- end }}
