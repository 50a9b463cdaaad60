package demo

import (
	"fmt"
	"net/http"
	"time"
)

// hookedWithin is ample for a webhook and its repetitions.
const hookedWithin = 15 * time.Second

// visit is somebody who has signed in at Clerk.
type visit struct{ session, jwt, access, refresh string }

func exchange(w *walk, _ *listener) error {
	w.title("Exchange a Clerk session for the same kind of token")
	session, err := w.json(http.MethodPost, w.stack["CLERK_URL"]+"/dev/session-token", "", http.StatusOK, `{}`)
	if err != nil {
		return err
	}
	answer, err := w.form(w.stack["AUTH_URL"]+"/token", http.StatusOK,
		"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token", session.text("jwt"),
		"subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
	if err != nil {
		return err
	}
	if err := answer.needs("issued_token_type", "urn:ietf:params:oauth:token-type:access_token"); err != nil {
		return err
	}
	w.visit = visit{session.text("session_id"), session.text("jwt"), answer.text("access_token"), answer.text("refresh_token")}
	me, err := w.json(http.MethodGet, w.stack["AUTH_URL"]+"/v1/me", w.visit.access, http.StatusOK, "")
	if err != nil {
		return err
	}
	if err := me.needs("sub", session.text("user_id")); err != nil {
		return err
	}
	w.title("Show the Clerk session itself to resources")
	_, err = w.json(http.MethodGet, w.stack["RESOURCES_URL"]+"/v1/resources?limit=1", w.visit.jwt, http.StatusOK, "")
	return err
}

func signOut(w *walk, _ *listener) error {
	w.title("Sign out at Clerk, and be refused with all that came of it")
	target := w.stack["CLERK_URL"] + "/dev/sessions/" + w.visit.session + "/end"
	if _, err := w.json(http.MethodPost, target, "", http.StatusOK, ""); err != nil {
		return err
	}
	if err := w.hooked(); err != nil {
		return err
	}
	for _, at := range []string{
		w.stack["AUTH_URL"] + "/v1/me", w.stack["RESOURCES_URL"] + "/v1/resources?limit=1", w.stack["RESOURCES_2_URL"] + "/v1/resources?limit=1",
	} {
		for _, token := range []string{w.visit.access, w.visit.jwt} {
			if _, err := w.json(http.MethodGet, at, token, http.StatusUnauthorized, ""); err != nil {
				return err
			}
		}
	}
	refused, err := w.form(w.stack["AUTH_URL"]+"/token", http.StatusBadRequest, "grant_type", "refresh_token", "refresh_token", w.visit.refresh)
	if err != nil {
		return err
	}
	return refused.needs("error", "invalid_grant")
}

// hooked waits until auth has heard of the end, which nobody else tells us. It
// takes effect on one token after the other.
func (w *walk) hooked() error {
	begin := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	live := []string{w.visit.access, w.visit.jwt}
	for time.Since(begin) < hookedWithin {
		status, err := w.status(w.stack["AUTH_URL"]+"/v1/me", live[0])
		if err != nil {
			return err
		}
		if status == http.StatusUnauthorized {
			live = live[1:]
		}
		if len(live) == 0 {
			w.say("   Clerk's webhook took effect within %s", time.Since(begin).Round(time.Millisecond))
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("the session still lives %s after it ended at Clerk", hookedWithin)
}

// status asks without a line in the walk's report.
func (w *walk) status(url, token string) (int, error) {
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := w.client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
