{{/* The beginning of every name. */}}
{{- define "tandem.fullname" -}}
{{- $name := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-tandem" .Release.Name) (contains "tandem" .Release.Name)) -}}
{{- if gt (len $name) 40 }}{{ fail (printf "%s is too long to be the beginning of names: set fullnameOverride to 40 characters at most" $name) }}{{ end -}}
{{- $name -}}
{{- end }}

{{/* What each template of a service is given: the root, the service's name and its values. */}}
{{- define "tandem.selector" -}}
app.kubernetes.io/name: tandem
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "tandem.podLabels" -}}
{{ include "tandem.selector" . }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tandem.labels" -}}
{{ include "tandem.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tandem.image" -}}
{{- $image := .service.image -}}
{{ .root.Values.images.registry }}/{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "tandem.secret" -}}
{{ .service.secrets.name | default (printf "%s-%s" (include "tandem.fullname" .root) .name) }}
{{- end }}

{{- define "tandem.tlsSecret" -}}
{{ .service.tlsSecret | default (printf "%s-%s-tls" (include "tandem.fullname" .root) .name) }}
{{- end }}

{{/* The host of a service inside the cluster. */}}
{{- define "tandem.host" -}}
{{ include "tandem.fullname" .root }}-{{ .name }}.{{ .root.Release.Namespace }}.svc
{{- end }}

{{- define "tandem.scheme" -}}
{{ ternary "https" "http" .Values.tls.enabled }}
{{- end }}
