package app_test

import (
	"net/http"
	"strings"
	"testing"

	"tandem.example/pkg/devstack"
)

// A process that died between the commit of a change and Redis has left sessions
// alive. Whoever repeats the call changes nothing any more, and must not be told
// that it is done before it is.
func TestAChangeThatWasLeftIsFinishedByItsRepetition(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	admin := s.administrator()
	id, tokens := s.person("anna", 2)
	s.owner( // what the transaction of the change has committed
		`UPDATE users SET disabled = true WHERE login = 'anna'`,
		`INSERT INTO cutoffs (kind, id, generation) VALUES ('subject', '`+id+`', 1)
			ON CONFLICT (kind, id) DO UPDATE SET generation = cutoffs.generation + 1`,
		`INSERT INTO tombstones (kind, id, subject, expires_at)
			SELECT 'session', id::TEXT, subject, expires_at FROM sessions WHERE subject = '`+id+`'`,
		`UPDATE sessions SET ended_at = now() WHERE subject = '`+id+`'`,
	)
	s.alive("before the repetition", true, tokens...)
	if got := s.json(http.MethodPatch, "/v1/users/"+id, admin, map[string]any{"disabled": true}); got.status != 200 || revokedBy(got) != 2 {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.alive("after the repetition", false, tokens...)
}

// One user has one address: other spellings of a UUID are nobody's.
func TestAUsersIdHasOneForm(t *testing.T) {
	t.Parallel()
	s := limited(t, nil)
	admin := s.administrator()
	id, tokens := s.person("anna", 1)
	if got := s.json(http.MethodGet, "/v1/users/"+strings.ToUpper(id), admin, nil); got.status != 200 || got.text("id") != id {
		t.Errorf("upper case: %d %s", got.status, got.body)
	}
	for name, form := range map[string]string{
		"URN": "urn:uuid:" + id, "braces": "%7B" + id + "%7D", "digits alone": strings.ReplaceAll(id, "-", ""),
	} {
		for _, got := range []reply{
			s.json(http.MethodGet, "/v1/users/"+form, admin, nil),
			s.json(http.MethodPatch, "/v1/users/"+form, admin, map[string]any{"disabled": true}),
			s.json(http.MethodPut, "/v1/users/"+form+"/password", admin, map[string]any{"password": newPassword}),
		} {
			if got.status != 404 || got.text("code") != "user_not_found" {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
	}
	s.alive("after all of it", true, tokens...)
	for path, body := range map[string]map[string]any{"": {"roles": []string{"a"}}, "/password": {"password": newPassword}} {
		method := map[bool]string{true: http.MethodPatch, false: http.MethodPut}[path == ""]
		if got := s.json(method, "/v1/users/"+strings.ToUpper(id)+path, admin, body); got.status != 200 {
			t.Errorf("upper case: %d %s", got.status, got.body)
		}
	}
	for _, what := range []string{"user.update", "user.password"} {
		if items, _ := s.events(admin, "type", what, "subject", id); len(items) != 1 {
			t.Errorf("%s is not told of this user: %v", what, items)
		}
	}
}

// As at a login: nobody guesses unseen with a session that was stolen.
func TestASVS_16_5_3_AGuessAtAPasswordChangeThatCannotBeRecordedIsNotAnswered(t *testing.T) {
	t.Parallel()
	s := start(t, devstack.Options{})
	_, tokens := s.person("anna", 1)
	s.owner(`REVOKE INSERT ON audit FROM tandem_auth`)
	got := s.json(http.MethodPut, "/v1/me/password", tokens[0], map[string]any{"current_password": "not it at all", "new_password": newPassword})
	if got.status != 500 || got.text("code") != "internal" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
