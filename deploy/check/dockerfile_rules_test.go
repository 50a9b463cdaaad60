package check

import (
	"strings"
	"testing"
)

// blameless keeps every rule; each case of the test below breaks one.
const blameless = `FROM golang:1.26.8-trixie AS build
ARG VERSION=unknown
RUN go build -trimpath -buildvcs=false -o /out/d ./cmd/d
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/d /d
ARG VERSION REVISION SOURCE
LABEL org.opencontainers.image.title="d" org.opencontainers.image.description="d" org.opencontainers.image.licenses="MIT"
LABEL org.opencontainers.image.version="$VERSION" org.opencontainers.image.revision="$REVISION" org.opencontainers.image.source="$SOURCE"
USER 65532:65532
HEALTHCHECK CMD ["/d", "health"]
ENTRYPOINT ["/d"]
CMD ["run"]
`

func TestDockerfileRulesBite(t *testing.T) {
	t.Parallel()
	for rule, check := range dockerfileRules {
		if problem := check(parse(t, blameless)); problem != "" {
			t.Errorf("%s: %s", rule, problem)
		}
	}
	for _, c := range []struct{ rule, old, new string }{
		{"bases are pinned", "golang:1.26.8-trixie", "golang"},
		{"bases are pinned", "golang:1.26.8-trixie", "golang:latest"},
		{"bases are pinned", "golang:1.26.8-trixie", "golang:1.26"},
		{"bases are pinned", "golang:1.26.8-trixie", "golang:1.26.8@sha256:12"},
		{"bases are pinned", "COPY --from=build /out", "COPY --from=busybox /out"},
		{"the image has nothing but the binary", "FROM scratch", "FROM debian:13.1.0"},
		{"the image has nothing but the binary", "USER", "RUN true\nUSER"},
		{"the image has nothing but the binary", "COPY --from=build /out/d", "COPY /out/d"},
		{"the image has nothing but the binary", "/etc/ssl/certs/ca-certificates.crt\n", "/ca.crt\n"},
		{"the user is a number and not root", "USER 65532:65532\n", ""},
		{"the user is a number and not root", "USER 65532:65532\n", "USER nonroot\n"},
		{"the user is a number and not root", "USER 65532:65532\n", "USER 65532:65532\nUSER 0\n"},
		{"the program is started without a shell", `ENTRYPOINT ["/d"]`, `ENTRYPOINT /d`},
		{"the program is started without a shell", `ENTRYPOINT ["/d"]`, `ENTRYPOINT ["d"]`},
		{"the program is started without a shell", `CMD ["run"]`, `CMD run`},
		{"the program is started without a shell", `CMD ["/d", "health"]`, `CMD curl localhost`},
		{"labels", "image.title", "image.name"},
		{"labels", `"$REVISION"`, `"1"`},
		{"nothing is fetched by ADD", "USER", "ADD https://example.org/x /x\nUSER"},
		{"nothing secret is in it", "ARG VERSION REVISION", "ARG GITHUB_TOKEN VERSION REVISION"},
		{"nothing secret is in it", "FROM golang", "ARG NPM_PASSWORD\nFROM golang"},
		{"nothing secret is in it", "USER", "ENV JWT_SECRET=x\nUSER"},
		{"builds are repeatable", "RUN go build", "RUN apt-get install -y make && go build"},
		{"builds are repeatable", "-buildvcs=false ", ""},
	} {
		if dockerfileRules[c.rule](parse(t, strings.Replace(blameless, c.old, c.new, 1))) == "" {
			t.Errorf("%s: not seen in %q", c.rule, c.new)
		}
	}
}
