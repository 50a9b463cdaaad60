package clerk

import (
	"strings"
	"time"
)

// publicSession is the Backend API's session object; times are in milliseconds.
type publicSession struct {
	Object     string `json:"object"`
	ID         string `json:"id"`
	ClientID   string `json:"client_id"`
	UserID     string `json:"user_id"`
	Status     string `json:"status"`
	LastActive int64  `json:"last_active_at"`
	ExpireAt   int64  `json:"expire_at"`
	AbandonAt  int64  `json:"abandon_at"`
	CreatedAt  int64  `json:"created_at"`
	UpdatedAt  int64  `json:"updated_at"`
}

func (s session) public() publicSession {
	return publicSession{
		Object: "session", ID: s.id, ClientID: s.client, UserID: s.user, Status: s.status,
		LastActive: s.updated.UnixMilli(), ExpireAt: s.created.Add(sessionLife).UnixMilli(),
		AbandonAt: s.created.Add(4 * sessionLife).UnixMilli(),
		CreatedAt: s.created.UnixMilli(), UpdatedAt: s.updated.UnixMilli(),
	}
}

type publicEmail struct {
	Object  string `json:"object"`
	ID      string `json:"id"`
	Address string `json:"email_address"`
}

type user struct {
	Object         string         `json:"object"`
	ID             string         `json:"id"`
	EmailAddresses []publicEmail  `json:"email_addresses"`
	PrimaryEmail   string         `json:"primary_email_address_id"`
	PublicMetadata map[string]any `json:"public_metadata"`
	Banned         bool           `json:"banned"`
	Locked         bool           `json:"locked"`
	CreatedAt      int64          `json:"created_at"`
	UpdatedAt      int64          `json:"updated_at"`
}

// publicUser is made up from the id: the stand-in keeps no accounts.
func publicUser(id string, banned bool, created time.Time) user {
	mail := publicEmail{Object: "email_address", ID: "idn_" + strings.TrimPrefix(id, "user_"), Address: strings.ToLower(id) + "@example.com"}
	return user{
		Object: "user", ID: id, EmailAddresses: []publicEmail{mail}, PrimaryEmail: mail.ID,
		PublicMetadata: map[string]any{}, Banned: banned,
		CreatedAt: created.UnixMilli(), UpdatedAt: created.UnixMilli(),
	}
}
