{{- /* Name of the EPP's family, a file of files/epp: epp.family, or the one that belongs to the API version. */}}
{{- define "inferencepool.eppFamily" -}}
{{- .Values.epp.family | default (include "inferencepool.api" . | fromJson).epp }}
{{- end }}

{{- /* The EPP's family as JSON, the file of files/epp completed from epp: `version` is the one that the tag of its
       image begins with (the family's if it begins with none), `args` have the flags of that version, `reader` is the
       entry of `metrics` for that version, and `series` its names of series. */}}
{{- define "inferencepool.epp" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.eppPreset") }}
{{- end }}

{{- /* inferencepool.epp from its file. */}}
{{- define "inferencepool.eppPreset" -}}
{{- $file := printf "files/epp/%s.yaml" (include "inferencepool.eppFamily" .) }}
{{- $epp := tpl (.Files.Get $file) . | fromYaml }}
{{- $version := regexFind "^v?[0-9]{1,9}[.][0-9]{1,9}([.][0-9]{1,9})?" .Values.epp.image.tag | default $epp.image.tag }}
{{- range $since, $args := $epp.laterArgs }}
  {{- if semverCompare (printf ">=%s" $since) $version }}
    {{- $_ := set $epp "args" (concat $epp.args $args) }}
  {{- end }}
{{- end }}
{{- range $epp.metrics }}
  {{- if semverCompare .versions $version }}
    {{- $_ := set $epp "reader" . }}
  {{- end }}
{{- end }}
{{- $series := dict }}
{{- range $epp.series }}
  {{- if semverCompare .versions $version }}
    {{- $series = merge $series .names }}
  {{- end }}
{{- end }}
{{- $_ := set $epp "series" $series }}
{{- set $epp "version" $version | toJson }}
{{- end }}

{{- /* "true" if the image of `epp` is `since`, the first one that can do something (empty for none), or newer. */}}
{{- define "inferencepool.eppHas" -}}
{{- if .since }}
  {{- semverCompare (printf ">=%s" .since) .epp.version | ternary "true" "" }}
{{- end }}
{{- end }}

{{- /* Image of the EPP: epp.image over the family's. */}}
{{- define "inferencepool.eppImage" -}}
{{- $preset := (include "inferencepool.epp" . | fromJson).image }}
{{- include "inferencepool.image" (dict "root" . "image" .Values.epp.image "preset" $preset) }}
{{- end }}

{{- /* Flags of the EPP that the chart sets, as a JSON list: those of its version, and those for metrics. */}}
{{- define "inferencepool.eppOwnArgs" -}}
{{- $args := (include "inferencepool.epp" . | fromJson).args }}
{{- concat $args (include "inferencepool.metricFlags" . | fromJsonArray) | toJson }}
{{- end }}

{{- /* The values of flags that epp.flags may set to others, by name, as JSON: those that the EPP's version has. */}}
{{- define "inferencepool.eppOptionalFlags" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $flags := dict }}
{{- range $flag, $of := $epp.optionalFlags }}
  {{- if include "inferencepool.eppHas" (dict "epp" $epp "since" $of.since) }}
    {{- $_ := set $flags $flag $of.value }}
  {{- end }}
{{- end }}
{{- toJson $flags }}
{{- end }}

{{- /* All flags of the EPP as a JSON list: the chart's, and epp.flags over those that may be set to others. */}}
{{- define "inferencepool.eppArgs" -}}
{{- $args := include "inferencepool.eppOwnArgs" . | fromJsonArray }}
{{- range $flag, $value := merge (dict) .Values.epp.flags (include "inferencepool.eppOptionalFlags" . | fromJson) }}
  {{- $text := ternary $value (toJson $value) (kindIs "string" $value) }}
  {{- $args = append $args (printf "--%s=%s" $flag $text) }}
{{- end }}
{{- toJson $args }}
{{- end }}

{{- /* "true" if the gateway speaks TLS with the EPP, else "false": epp.tls, else what the gateways of provider do. */}}
{{- define "inferencepool.eppTls" -}}
{{- $given := .Values.epp.tls }}
{{- kindIs "invalid" $given | ternary (eq .Values.provider "gke") $given }}
{{- end }}
