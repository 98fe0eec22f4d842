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

{{- /* A `config`, from `root`: with the model server's metrics as one more engine where the EPP has a plugin for them
       and knows none like it. A config that reads metrics its own way stays as it is. */}}
{{- define "inferencepool.withMetrics" -}}
{{- $reader := (include "inferencepool.epp" .root | fromJson).reader }}
{{- $engine := (include "inferencepool.modelServer" .root | fromJson).engine }}
{{- $plugin := $reader.plugin | default "" }}
{{- if or (not $plugin) (has $engine $reader.engines) (contains $plugin .config) }}
  {{- .config }}
{{- else }}
  {{- $engines := list (include "inferencepool.engineConfig" .root | fromJson) }}
  {{- $extractor := dict "type" $plugin "parameters" (dict "engineConfigs" $engines) }}
  {{- $config := .config | fromYaml }}
  {{- set $config "plugins" (append $config.plugins $extractor) | toYaml }}
{{- end }}
{{- end }}
