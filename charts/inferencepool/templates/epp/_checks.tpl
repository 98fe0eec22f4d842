{{- /* All checks of epp. */}}
{{- define "inferencepool.checkEpp" -}}
{{- include "inferencepool.checkServiceName" . }}
{{- include "inferencepool.checkDigest" . }}
{{- include "inferencepool.checkEppAbilities" . }}
{{- if .Values.epp.flags }}
  {{- include "inferencepool.checkFlags" . }}
{{- end }}
{{- include "inferencepool.checkPlugins" . }}
{{- include "inferencepool.checkMetrics" . }}
{{- end }}

{{- /* Fails if the name of the EPP, from the release or adopt.epp.name, can't be a Service's. */}}
{{- define "inferencepool.checkServiceName" -}}
{{- $name := include "inferencepool.eppName" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$" $name) }}
  {{- fail (printf "the EPP's Service can't be named %s: a Service's name begins with a letter and has letters, digits and - alone; name the release so, or set adopt.epp.name" $name) }}
{{- end }}
{{- end }}

{{- /* Fails if the EPP's image is a digest of which nothing says what version it is. */}}
{{- define "inferencepool.checkDigest" -}}
{{- if and .Values.epp.image.digest (not .Values.epp.image.tag) }}
  {{- fail "epp.image.digest is given, but epp.image.tag is empty and the flags of the EPP depend on its version; set epp.image.tag to the image's version, the digest still decides what is pulled" }}
{{- end }}
{{- end }}

{{- /* Fails if epp asks for leader election or open metrics of an EPP that has none. */}}
{{- define "inferencepool.checkEppAbilities" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $replicas := int .Values.epp.replicas }}
{{- if and (gt $replicas 1) (not $epp.leaderElection) }}
  {{- fail (printf "epp.replicas is %d, but the EPP %s elects no leader and each would pick for itself; set epp.replicas=1" $replicas (include "inferencepool.eppFamily" .)) }}
{{- end }}
{{- $hasOpenMetrics := include "inferencepool.eppHas" (dict "epp" $epp "since" $epp.openMetrics) }}
{{- if and (not .Values.epp.metricsAuth) (not $hasOpenMetrics) }}
  {{- fail (printf "epp.metricsAuth is false, but the EPP %s always asks for a token; set epp.metricsAuth=true" $epp.version) }}
{{- end }}
{{- end }}

{{- /* Fails if epp.flags sets a flag that the chart sets, or that the EPP's version lacks. */}}
{{- define "inferencepool.checkFlags" -}}
{{- $own := list }}
{{- range include "inferencepool.eppOwnArgs" . | fromJsonArray }}
  {{- $own = append $own (trimPrefix "--" . | splitList "=" | first) }}
{{- end }}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $optional := include "inferencepool.eppOptionalFlags" . | fromJson }}
{{- range $flag := keys .Values.epp.flags | sortAlpha }}
  {{- if and (hasKey $epp.optionalFlags $flag) (not (hasKey $optional $flag)) }}
    {{- fail (printf "epp.flags.%s is given, but the EPP %s has no such flag; leave it out or take a newer image" $flag $epp.version) }}
  {{- end }}
  {{- if has $flag $own }}
    {{- fail (printf "epp.flags.%s is given, but the chart sets this flag itself; leave it out" $flag) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if epp.plugins has a preset custom without a config or the reverse, or a preset that the EPP lacks. */}}
{{- define "inferencepool.checkPlugins" -}}
{{- $plugins := .Values.epp.plugins }}
{{- $isCustom := eq $plugins.preset "custom" }}
{{- if and $isCustom (not $plugins.custom) }}
  {{- fail "epp.plugins.preset is custom, but epp.plugins.custom is empty; put the EndpointPickerConfig there" }}
{{- end }}
{{- if and $plugins.custom (not $isCustom) }}
  {{- fail (printf "epp.plugins.custom is given, but epp.plugins.preset is %s and it would be ignored; set epp.plugins.preset=custom" $plugins.preset) }}
{{- end }}
{{- if $isCustom }}
  {{- include "inferencepool.checkCustomPlugins" . }}
{{- else }}
  {{- include "inferencepool.checkPreset" . }}
  {{- include "inferencepool.checkPresetEnv" . }}
{{- end }}
{{- end }}

{{- /* Fails if epp.plugins.custom is no EndpointPickerConfig, with which the EPP would not start. */}}
{{- define "inferencepool.checkCustomPlugins" -}}
{{- $config := fromYaml .Values.epp.plugins.custom }}
{{- $version := (include "inferencepool.epp" . | fromJson).configVersion }}
{{- $remedy := printf "give it the apiVersion %s, the kind EndpointPickerConfig and a list of plugins" $version }}
{{- if hasKey $config "Error" }}
  {{- fail (printf "epp.plugins.custom is no map of YAML (%s); %s" $config.Error $remedy) }}
{{- end }}
{{- if not (and $config.apiVersion (eq (toString $config.kind) "EndpointPickerConfig")) }}
  {{- fail (printf "epp.plugins.custom has the apiVersion %v and the kind %v; %s" ($config.apiVersion | default "(none)") ($config.kind | default "(none)") $remedy) }}
{{- end }}
{{- if not (kindIs "slice" $config.plugins) }}
  {{- fail (printf "epp.plugins.custom has no list of plugins; %s" $remedy) }}
{{- end }}
{{- end }}

{{- /* Fails if the EPP's family, or the version of it in epp.image.tag, can't decode epp.plugins.preset. */}}
{{- define "inferencepool.checkPreset" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $name := .Values.epp.plugins.preset }}
{{- $families := (include "inferencepool.pluginPreset" . | fromJson).families }}
{{- $since := get $families (include "inferencepool.eppFamily" .) | default dict | dig "since" "" }}
{{- if not $since }}
  {{- fail (printf "epp.plugins.preset is %s, which the EPP %s can't decode; set one of %s, or custom" $name (include "inferencepool.eppFamily" .) (include "inferencepool.presetsOfFamily" .)) }}
{{- end }}
{{- if not (include "inferencepool.eppHas" (dict "epp" $epp "since" $since)) }}
  {{- fail (printf "epp.plugins.preset is %s, which the EPP decodes from %s on, but epp.image.tag is %s; take a newer image or another preset" $name $since $epp.version) }}
{{- end }}
{{- end }}

{{- /* Names of the plugin presets that the EPP's family has, with commas. */}}
{{- define "inferencepool.presetsOfFamily" -}}
{{- $family := include "inferencepool.eppFamily" . }}
{{- $names := list }}
{{- range $path, $content := .Files.Glob "files/plugins/*.yaml" }}
  {{- if hasKey ($.Files.Get $path | fromYaml).families $family }}
    {{- $names = append $names (base $path | trimSuffix ".yaml") }}
  {{- end }}
{{- end }}
{{- sortAlpha $names | join ", " }}
{{- end }}

{{- /* Fails if epp.extraEnv lacks a variable that epp.plugins.preset needs. */}}
{{- define "inferencepool.checkPresetEnv" -}}
{{- $given := list }}
{{- range .Values.epp.extraEnv }}
  {{- $given = append $given .name }}
{{- end }}
{{- range $variable, $remedy := (include "inferencepool.pluginPreset" . | fromJson).env }}
  {{- if not (has $variable $given) }}
    {{- fail (printf "epp.plugins.preset is %s, but epp.extraEnv has no %s; %s" $.Values.epp.plugins.preset $variable $remedy) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if the EPP's version has no way to read the model server's metrics. */}}
{{- define "inferencepool.checkMetrics" -}}
{{- $epp := include "inferencepool.epp" . | fromJson }}
{{- $reader := $epp.reader }}
{{- $engine := (include "inferencepool.modelServer" . | fromJson).engine }}
{{- if and $reader.engines (not $reader.plugin) (not (has $engine $reader.engines)) }}
  {{- fail (printf "epp.image.tag is %s, which reads the metrics of %s alone, but the engine of the model server is %s; take another image" $epp.version (join ", " $reader.engines) $engine) }}
{{- end }}
{{- end }}
