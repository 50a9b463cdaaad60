// Package bearer holds everything about access tokens that more than one
// service needs: claims, keys, verification, the check that a token is still
// live, and the Fiber guard that puts them before a handler.
//
// It promises that no request reaches its answer on a token that was revoked
// before the request began, or on one whose state could not be read: the first
// is a 401, the second a 503.
package bearer

import (
	"time"

	"tandem.example/pkg/fault"
)

// Every reason to refuse a token. They are 401s that name what to do about it
// and nothing about keys; [ErrScope] is the 403.
var (
	ErrMissing   = fault.New(fault.Unauthenticated, "token_missing", "a bearer token is required")
	ErrMalformed = fault.New(fault.Unauthenticated, "token_malformed", "the bearer token is malformed")
	ErrAlgorithm = fault.New(fault.Unauthenticated, "token_algorithm", "the token's algorithm is not accepted")
	ErrType      = fault.New(fault.Unauthenticated, "token_type", "the token is not an access token")
	ErrKey       = fault.New(fault.Unauthenticated, "token_key_unknown", "the token's key is not known")
	ErrSignature = fault.New(fault.Unauthenticated, "token_signature", "the token's signature is wrong")
	ErrIssuer    = fault.New(fault.Unauthenticated, "token_issuer", "the token is from another issuer")
	ErrAudience  = fault.New(fault.Unauthenticated, "token_audience", "the token is for another audience")
	ErrExpired   = fault.New(fault.Unauthenticated, "token_expired", "the token has expired")
	ErrEarly     = fault.New(fault.Unauthenticated, "token_not_yet_valid", "the token is not valid yet")
	ErrClaims    = fault.New(fault.Unauthenticated, "token_claims", "the token lacks a claim or has a wrong one")
	ErrRevoked   = fault.New(fault.Unauthenticated, "token_revoked", "the token has been revoked or has ended")
	ErrScope     = fault.New(fault.Forbidden, "insufficient_scope", "the token does not cover this request")
	ErrNoKey     = fault.New(fault.Unavailable, "signing_key_missing", "there is no key to sign with").After(5 * time.Second)
	ErrKeys      = fault.New(fault.Unavailable, "token_keys_unavailable", "the keys that tokens are checked with cannot be had").After(2 * time.Second)
	ErrUnread    = fault.New(fault.Unavailable, "token_state_unknown", "the token's state cannot be read").After(time.Second)
)
