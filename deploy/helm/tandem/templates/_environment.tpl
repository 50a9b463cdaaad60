{{/* A value as the environment has it. Numbers of a values file are floats to Helm. */}}
{{- define "tandem.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else if kindIs "slice" . }}{{ join "," . }}{{ else if not (kindIs "invalid" .) }}{{ . }}{{ end -}}
{{- end }}

{{/* The variables whose values are files of the service's Secret, as a JSON list. */}}
{{- define "tandem.secretVariables" -}}
{{- $list := .service.secrets.variables -}}
{{- $config := .root.Values.config -}}
{{- if and (eq .name "resources") .root.Values.signingKeys.secret (not $config.JWT_SECRET_UNTIL) }}{{ $list = without $list "JWT_SECRET" "JWT_SECRET_PREVIOUS" }}{{ end -}}
{{ toJson $list }}
{{- end }}

{{/* The whole environment of a service, as one YAML map of strings without empty ones. */}}
{{- define "tandem.environment" -}}
{{- $values := .root.Values -}}
{{- $env := dict -}}
{{- range $key, $value := $values.config }}{{ $_ := set $env $key (include "tandem.text" $value) }}{{ end -}}
{{- range $key, $value := .service.config }}{{ $_ := set $env $key (include "tandem.text" $value) }}{{ end -}}
{{- $_ := set $env "REGION" $values.region -}}
{{- $_ := set $env "HTTP_ADDR" (printf ":%d" (int $values.ports.http)) -}}
{{- $_ := set $env "ADMIN_ADDR" (printf ":%d" (int $values.ports.admin)) -}}
{{- $_ := set $env "GOMEMLIMIT" .service.goMemoryLimit -}}
{{- if not $env.JWT_ISSUER }}{{ $_ := set $env "JWT_ISSUER" (printf "https://%s" $values.gateway.host) }}{{ end -}}
{{- if $values.tls.enabled }}
{{- $_ := set $env "TLS_CERT_FILE" "/etc/tandem/tls/tls.crt" }}
{{- $_ := set $env "TLS_KEY_FILE" "/etc/tandem/tls/tls.key" }}
{{- end }}
{{- if .service.secrets.natsCredentials }}{{ $_ := set $env "NATS_CREDS_FILE" "/etc/tandem/secrets/nats.creds" }}{{ end -}}
{{- range $name, $variable := dict "redis" "REDIS_CA_FILE" "nats" "NATS_CA_FILE" "clerk" "CLERK_CA_FILE" "otlp" "OTEL_EXPORTER_OTLP_CERTIFICATE" }}
{{- if get $values.trust $name }}{{ $_ := set $env $variable (printf "/etc/tandem/trust/%s.crt" $name) }}{{ end }}
{{- end }}
{{- if and (eq .name "auth") $values.signingKeys.secret }}{{ $_ := set $env "JWT_KEYS_DIR" "/etc/tandem/keys" }}{{ end -}}
{{- if eq .name "resources" }}
{{- if and $values.signingKeys.secret (not $env.JWT_JWKS_URL) }}
{{- $_ := set $env "JWT_JWKS_URL" (printf "https://%s:%d/.well-known/jwks.json" (include "tandem.host" (dict "root" .root "name" "auth")) (int $values.ports.http)) }}
{{- end }}
{{- if and $env.JWT_JWKS_URL $values.trust.services }}{{ $_ := set $env "JWT_JWKS_CA_FILE" "/etc/tandem/trust/services.crt" }}{{ end }}
{{- end }}
{{- range fromJsonArray (include "tandem.secretVariables" .) }}{{ $_ := set $env (printf "%s_FILE" .) (printf "/etc/tandem/secrets/%s" .) }}{{ end -}}
{{- range $key, $value := $env }}
{{- if $value }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
