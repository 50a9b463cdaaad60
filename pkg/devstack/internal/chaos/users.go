package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// office makes users, at the wish of the administration's client.
type office struct {
	admin *session
	auth  *auth // the client by which users log in
	made  atomic.Int64
}

// user is one, and its session.
type user struct {
	id string
	*session
}

// new gives a user of its own, and thereby a tenant; nil when ctx ends.
func (o *office) new(ctx context.Context) *user {
	token := o.admin.get(ctx, "")
	for ctx.Err() == nil {
		login, password := fmt.Sprintf("chaos-%d@example.com", o.made.Add(1)), "correct horse battery staple"
		got := o.admin.asker.send(ctx, http.MethodPost, o.admin.urls()+"/v1/users", token,
			fmt.Sprintf(`{"login":%q,"password":%q}`, login, password))
		o.admin.asker.tally.count("user", got, got.outcome())
		var u struct {
			ID string `json:"id"`
		}
		switch {
		case got.status == http.StatusCreated && json.Unmarshal(got.body, &u) == nil:
			return &user{u.ID, &session{auth: o.auth, grant: person(login, password)}}
		case got.status == http.StatusUnauthorized:
			token = o.admin.get(ctx, token)
		}
		pause(ctx, 100*time.Millisecond) // a name that was lost is not tried again
	}
	return nil
}
