"""The literal examples of OneLogin's "Logging a User In Via API", as it publishes them."""

import json
from typing import Any

AUTH_REQUEST = b"""{
   "username_or_email":"ashley.akua",
   "password":"P@33w0rd!",
   "subdomain":"jhainc"
}"""

AUTH_SUCCESS = json.loads("""
{
    "status": {
        "type": "success",
        "message": "Success",
        "code": 200,
        "error": false
    },
    "data": [
        {
            "status": "Authenticated",
            "user": {
                "username": "ashley.akua",
                "email": "ashley.akua@onelogin.com",
                "firstname": "Ashley",
                "id": 88888888,
                "lastname": "Akua"
            },
            "return_to_url": null,
            "expires_at": "2016/01/07 05:56:21 +0000",
            "session_token": "9x8869x31134x7906x6x54474x21x18xxx90857x"
        }
    ]
}""")

AUTH_NEEDS_MFA = json.loads("""
{
    "status": {
        "type": "success",
        "code": 200,
        "message": "MFA is required for this user",
        "error": false
    },
    "data": [
        {
            "callback_url": "https://subdomain.onelogin.com/api/1/verify_factor",
            "user": {
                "email": "ashley@onelogin.com",
                "username": "ashley.akua",
                "lastname": "Akua",
                "firstname": "Ashley",
                "id": 88888888
            },
            "devices": [
                {
                    "device_type": "Google Authenticator",
                    "device_id": 222222
                },
                {
                    "device_type": "OneLogin OTP SMS",
                    "device_id": 999999
                }
            ],
            "state_token": "xx5x2x91331x3x3x341xx51176x7xxx182x65xxx"
        }
    ]
}""")

STATE_TOKEN = b"xx5x2x91331x3x3x341xx51176x7xxx182x65xxx"

VERIFY_SMS_REQUEST = b"""{
    "device_id": "999999",
    "state_token": "xx5x2x91331x3x3x341xx51176x7xxx182x65xxx"
}"""

VERIFY_PENDING = json.loads("""
{
    "status": {
        "type": "pending",
        "code": 200,
        "message": "SMS token sent to your mobile device. Authentication pending.",
        "error": false
    }
}""")

VERIFY_CODE_REQUEST = b"""{
    "device_id": "222222",
    "state_token": "xx5x2x91331x3x3x341xx51176x7xxx182x65xxx",
    "otp_token": "123456"
}"""

VERIFY_SUCCESS = json.loads("""
{
    "status": {
        "type": "success",
        "code": 200,
        "message": "Success",
        "error": false
    },
    "data": [
        {
            "return_to_url": null,
            "user": {
                "username": "ashley.akua",
                "email": "ashley.akua@onelogin.com",
                "firstname": "Ashley",
                "lastname": "Akua",
                "id": 88888888
            },
            "status": "Authenticated",
            "session_token": "xxxxxxxxx8a4c07773a5454f946",
            "expires_at": "2016/01/26 02:21:47 +0000"
        }
    ]
}""")

MADE_ANEW = {"state_token", "session_token", "expires_at"}
"""What is another value in every reply."""
TWO_SPELLINGS = {"email"}
"""The examples give Ashley two addresses."""


def comparable(value: Any) -> Any:
    """Return a reply with only the type of what differs each time."""
    match value:
        case dict():
            return {
                key: type(inner).__name__ if key in MADE_ANEW | TWO_SPELLINGS else comparable(inner)
                for key, inner in value.items()
            }
        case list():
            return [comparable(inner) for inner in value]
        case _:
            return value
