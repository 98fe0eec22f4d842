{{- /* Name of the ConfigMap with the EPP's configuration; empty if an adopted EPP reads one that no release owns. */}}
{{- define "inferencepool.pluginsName" -}}
{{- $adopted := .Values.adopt.epp }}
{{- $adopted.configMap | default (ternary (include "inferencepool.eppName" .) "" (empty $adopted.template)) }}
{{- end }}

{{- /* The preset epp.plugins.preset as JSON, a file of files/plugins: `families`, `env`, `config`; {} for custom. */}}
{{- define "inferencepool.pluginPreset" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.pluginPresetFile") }}
{{- end }}

{{- /* inferencepool.pluginPreset from its file. */}}
{{- define "inferencepool.pluginPresetFile" -}}
{{- .Files.Get (printf "files/plugins/%s.yaml" .Values.epp.plugins.preset) | fromYaml | toJson }}
{{- end }}

{{- /* The preset's EndpointPickerConfig as YAML: the `config` of the EPP's family, or of all families. */}}
{{- define "inferencepool.presetConfig" -}}
{{- $preset := include "inferencepool.pluginPreset" . | fromJson }}
{{- $family := get $preset.families (include "inferencepool.eppFamily" .) }}
{{- $head := dict "apiVersion" (include "inferencepool.epp" . | fromJson).configVersion "kind" "EndpointPickerConfig" }}
{{- merge $head ($family.config | default $preset.config) | toYaml }}
{{- end }}

{{- /* The EndpointPickerConfig that the EPP reads, as text: the preset's, or epp.plugins.custom. */}}
{{- define "inferencepool.plugins" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.pluginsText") }}
{{- end }}

{{- /* inferencepool.plugins from the preset's file or epp.plugins.custom. */}}
{{- define "inferencepool.pluginsText" -}}
{{- $config := .Values.epp.plugins.custom }}
{{- if ne .Values.epp.plugins.preset "custom" }}
  {{- $config = include "inferencepool.presetConfig" . }}
{{- end }}
{{- include "inferencepool.withMetrics" (dict "root" . "config" $config) }}
{{- end }}

{{- /* A `config`, from `root`: with the plugins that read the model server's metrics, where the EPP has such and the
       config none of them. */}}
{{- define "inferencepool.withMetrics" -}}
{{- $text := .config }}
{{- $missing := list }}
{{- range include "inferencepool.metricsPlugins" .root | fromJsonArray }}
  {{- $missing = ternary $missing (append $missing .) (contains .type $text) }}
{{- end }}
{{- if $missing }}
  {{- $config := fromYaml $text }}
  {{- $text = set $config "plugins" (concat $config.plugins $missing) | toYaml }}
{{- end }}
{{- $text }}
{{- end }}

{{- /* Plugins that the EPP's version needs to read the model server's metrics, as a JSON list: one for their path where
       no flag tells it, and one for their names where it knows no such engine. */}}
{{- define "inferencepool.metricsPlugins" -}}
{{- $reader := (include "inferencepool.epp" . | fromJson).reader }}
{{- $path := include "inferencepool.otherMetricsPath" . }}
{{- $plugins := list }}
{{- if and $reader.source $path }}
  {{- $plugins = append $plugins (dict "type" $reader.source "parameters" (dict "path" $path)) }}
{{- end }}
{{- if and $reader.plugin (not (has (include "inferencepool.modelServer" . | fromJson).engine $reader.engines)) }}
  {{- $engines := list (include "inferencepool.engineConfig" . | fromJson) }}
  {{- $plugins = append $plugins (dict "type" $reader.plugin "parameters" (dict "engineConfigs" $engines)) }}
{{- end }}
{{- toJson $plugins }}
{{- end }}
