package tokens

import (
	"time"

	"tandem.example/pkg/bearer"
	"tandem.example/services/auth/internal/sessions"
)

// Response is the successful token response (RFC 6749 §5.1, RFC 8693 §2.2.1).
type Response struct {
	AccessToken  string        `json:"access_token"`
	IssuedType   string        `json:"issued_token_type,omitempty"`
	TokenType    string        `json:"token_type"`
	ExpiresIn    int64         `json:"expires_in"`
	RefreshToken string        `json:"refresh_token,omitempty"`
	Scope        bearer.Scopes `json:"scope"`

	whose sessions.Issued // for the journal; of a refusal as much as is known
}

func (i *Issuer) sign(s sessions.Issued) (Response, error) {
	key, err := i.signer.Signing()
	if err != nil {
		return Response{}, err
	}
	raw, err := key.Sign(bearer.Claims{
		Issuer: i.issuer, Audience: bearer.Audience{s.Audience}, Subject: s.Subject, ClientID: s.ClientID,
		ID: s.TokenID, SessionID: s.SessionID, Tenant: s.Tenant, Scopes: s.Scopes, Roles: s.Roles,
		IssuedAt: s.IssuedAt.Unix(), Expires: s.Expires.Unix(),
	})
	if err != nil {
		return Response{}, err
	}
	return Response{
		AccessToken: raw, TokenType: "Bearer", RefreshToken: s.Refresh, Scope: s.Scopes,
		ExpiresIn: int64(time.Until(s.Expires) / time.Second), whose: s,
	}, nil
}
