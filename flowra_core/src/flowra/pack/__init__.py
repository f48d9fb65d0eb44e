"""Node packs as source trees and archives."""
