package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/valyala/fasthttp"

	"tandem.example/pkg/devstack/bench"
)

// run starts the servers, measures and writes the tables.
func run(ctx context.Context, service, other string, o bench.Options, out io.Writer) (err error) {
	w, err := newWorld(ctx, service, other)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	first, err := w.signIn(ctx)
	if err != nil {
		return err
	}
	var asking, verifying, renewing, elsewhere []bench.Caller
	for range o.Connections {
		own, err := w.signIn(ctx)
		if err != nil {
			return err
		}
		asking = append(asking, w.post("/introspect", url.Values{"token": {first.Access}}.Encode()))
		verifying = append(verifying, visitor{first.Access})
		renewing = append(renewing, &renewer{post: w.post("/token", ""), token: own.Refresh})
		elsewhere = append(elsewhere, w.post("/token", "grant_type=client_credentials"))
	}
	for _, what := range []struct {
		title   string
		callers []bench.Caller
	}{{"introspection", asking}, {"forward authentication (/verify)", verifying}} {
		err := bench.Compare(ctx, out, o, what.title, "",
			&bench.Side{Name: "auth", Process: w.service, Callers: what.callers},
			&bench.Side{Name: "bare handler", Process: w.bare, Callers: what.callers})
		if err != nil {
			return err
		}
	}
	err = bench.Compare(ctx, out, o, "a token: refresh here, client_credentials there", "",
		&bench.Side{Name: "auth", Process: w.service, Callers: renewing},
		&bench.Side{Name: "oidc-provider", Process: w.other, Callers: elsewhere})
	if err != nil {
		return err
	}
	return revocations(ctx, out, w)
}

func answered(response *fasthttp.Response) error {
	if response.StatusCode() != fasthttp.StatusOK {
		return fmt.Errorf("status %d: %s", response.StatusCode(), response.Body())
	}
	return nil
}

// visitor shows its token to /verify.
type visitor struct{ token string }

// Ask implements [bench.Caller].
func (v visitor) Ask(request *fasthttp.Request) {
	request.URI().SetPath("/verify")
	request.Header.Set("Authorization", "Bearer "+v.token)
}

// Heard implements [bench.Caller].
func (v visitor) Heard(response *fasthttp.Response) (bool, error) { return false, answered(response) }

// post sends one form as the client.
type post struct{ path, basic, form string }

func (w *world) post(path, form string) post {
	return post{path, "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+w.secrets["DEMO_CLIENT_SECRET"])), form}
}

// Ask implements [bench.Caller].
func (p post) Ask(request *fasthttp.Request) {
	request.URI().SetPath(p.path)
	request.Header.SetMethod(fasthttp.MethodPost)
	request.Header.SetContentType("application/x-www-form-urlencoded")
	request.Header.Set("Authorization", p.basic)
	request.SetBodyString(p.form)
}

// Heard implements [bench.Caller].
func (p post) Heard(response *fasthttp.Response) (bool, error) { return false, answered(response) }

// renewer trades one session's refresh token again and again.
type renewer struct {
	post

	token string
}

// Ask implements [bench.Caller].
func (r *renewer) Ask(request *fasthttp.Request) {
	r.form = "grant_type=refresh_token&refresh_token=" + r.token
	r.post.Ask(request)
}

// Heard implements [bench.Caller].
func (r *renewer) Heard(response *fasthttp.Response) (bool, error) {
	if err := answered(response); err != nil {
		return false, err
	}
	var got tokens
	err := json.Unmarshal(response.Body(), &got)
	r.token = got.Refresh
	return false, err
}
